import type { FastifyBaseLogger, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Caller } from './entra-auth/caller.ts'
import type { Refusal } from './entra-auth/index.ts'
import type { CallTimes } from './observed-calls.ts'

/** What an auditor asks for later. `code` names the code to whoever holds it (codes/code-record.ts), and nobody else. */
interface AuditEvent {
  event: 'code_issued' | 'code_verified' | 'code_refused'
  code: string
}

interface RequestLogOptions {
  callerOf: (request: FastifyRequest) => Caller | null
  traceIdOf: (request: FastifyRequest) => string | undefined
}

declare module 'fastify' {
  interface FastifyRequest {
    audit: AuditEvent | null
    refusal: Refusal | null
  }
}

/** Levels at which only what is for an auditor is written. */
const QUIET_LEVELS = ['warn', 'error', 'fatal']

/**
 * One line for each request, when its answer has gone out: what was asked, by whom, what became of it, and what it waited
 * for. That of a code or a refusal is also the line for auditors, which every LOG_LEVEL but silent lets through.
 */
const requestLog: FastifyPluginAsync<RequestLogOptions> = async (app, { callerOf, traceIdOf }) => {
  const isSilent = app.log.level === 'silent'
  const isQuiet = QUIET_LEVELS.includes(app.log.level)
  // Each member of these lines is chosen below: the nets under all others would only take time.
  const log = app.log.child(
    {},
    { redact: [], serializers: { req: (req: unknown) => req }, level: isQuiet ? 'info' : app.log.level },
  )
  const logs = new WeakMap<Caller, FastifyBaseLogger>()

  /** What all lines of a caller have in common becomes text once for each token. */
  function logOf(caller: Caller | null): FastifyBaseLogger {
    if (caller === null) return log
    const known = logs.get(caller)
    if (known !== undefined) return known
    const own = log.child({ caller: describeCaller(caller) })
    logs.set(caller, own)
    return own
  }

  app.decorateRequest('audit', null)
  app.decorateRequest('refusal', null)
  app.addHook('onResponse', (request, reply, done) => {
    const isAudited = request.audit !== null || request.refusal !== null
    if (!isSilent && (!isQuiet || isAudited)) {
      const line = describeRequest(request, reply, traceIdOf(request))
      logOf(callerOf(request)).info(line, request.problem === null ? 'served' : 'not served')
    }
    done()
  })
}

/** The members of a line but for the caller; those that are undefined are left out of it. */
function describeRequest(request: FastifyRequest, reply: FastifyReply, traceId: string | undefined) {
  const { audit, refusal, problem, callTimes } = request
  return {
    requestId: request.id,
    // No header, and no query, where people put tokens by mistake.
    req: { method: request.method, path: request.url.split('?')[0], remoteAddress: request.ip },
    route: request.routeOptions.url,
    status: reply.statusCode,
    durationMs: round(reply.elapsedTime),
    traceId,
    calls: callTimes === null ? undefined : roundAll(callTimes),
    audit: refusal === null ? audit?.event : 'access_refused',
    codeRef: audit?.code,
    problem: problem ?? undefined,
    detail: refusal?.detail,
    claimed: refusal?.claimed,
  }
}

/** By the names of the claims, as Entra's sign-in logs have them. Of an app `azp` says it all; a person is `oid`. */
function describeCaller({ kind, tenantId, clientId, objectId, tokenId }: Caller): Record<string, string | undefined> {
  const oid = kind === 'user' ? objectId : undefined
  return { kind, azp: clientId, tid: tenantId, oid, uti: tokenId }
}

/** @returns undefined when there was none, and then the line has no such member */
function roundAll(times: CallTimes): CallTimes | undefined {
  let rounded: CallTimes | undefined
  let target: keyof CallTimes
  for (target in times) {
    rounded ??= {}
    rounded[target] = round(times[target] ?? 0)
  }
  return rounded
}

/** To tenths. */
function round(milliseconds: number): number {
  return Math.round(milliseconds * 10) / 10
}

export default fp(requestLog, { name: 'request-log', fastify: '5.x', dependencies: ['observed-calls'] })
