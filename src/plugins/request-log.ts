import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
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

interface RequestLine {
  requestId: string
  req: FastifyRequest
  route: string | undefined
  status: number
  durationMs: number
  traceId?: string
  caller?: Record<string, string | undefined>
  calls?: CallTimes | undefined
  audit?: AuditEvent['event'] | 'access_refused'
  codeRef?: string
  problem?: string
  detail?: string
  claimed?: Refusal['claimed']
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
  // Each member of these lines is chosen below: the net under all others would only take time.
  const log = app.log.child({}, { redact: [], level: isQuiet ? 'info' : app.log.level })

  app.decorateRequest('audit', null)
  app.decorateRequest('refusal', null)
  app.addHook('onResponse', (request, reply, done) => {
    const isAudited = request.audit !== null || request.refusal !== null
    if (!isSilent && (!isQuiet || isAudited)) {
      const line = describeRequest(request, reply.statusCode, reply.elapsedTime, callerOf(request))
      const traceId = traceIdOf(request)
      if (traceId !== undefined) line.traceId = traceId
      log.info(line, request.problem === null ? 'served' : 'not served')
    }
    done()
  })
}

/** Member by member, because this is done for every request. */
function describeRequest(
  request: FastifyRequest,
  status: number,
  durationMs: number,
  caller: Caller | null,
): RequestLine {
  const { audit, refusal, problem, callTimes } = request
  const line: RequestLine = {
    requestId: request.id,
    req: request,
    route: request.routeOptions.url,
    status,
    durationMs: round(durationMs),
  }
  if (caller !== null) line.caller = describeCaller(caller)
  if (callTimes !== null) line.calls = roundAll(callTimes)
  if (audit !== null) {
    line.audit = audit.event
    line.codeRef = audit.code
  }
  if (problem !== null) line.problem = problem
  if (refusal !== null) {
    line.audit = 'access_refused'
    line.detail = refusal.detail
    line.claimed = refusal.claimed
  }
  return line
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
