import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { createConfidentialClient, UserInteractionNeededError } from '../azure/confidential-client.ts'
import { createConnections } from '../azure/connections.ts'
import type { Credential } from '../azure/credential.ts'
import { type Deadline, NO_DEADLINE, withDeadline } from '../azure/deadline.ts'
import { type Answer, isTimeout } from '../azure/exchange.ts'
import { type ObserveCall, unobserved } from '../azure/outside-call.ts'
import { CallerGoneError, GraphError, InsufficientClaimsError, NotConfiguredError, PublicError } from '../errors.ts'
import { type CredentialNames, getOwnToken, readApplicationCredential } from './application-credential.ts'
import { createOutsideCalls, type OutsideCalls, parseRetryAfter } from './outside-calls.ts'

/** From the first token request to the last byte. */
const DEADLINE_MS = 5_000
/** Some members of one object; Graph's own limit for them is far below. */
const MAX_BODY_BYTES = 64 * 1_024

const GraphObject = Type.Record(Type.String(), Type.Unknown())
type GraphObject = Type.Static<typeof GraphObject>

/** The application that this service is in a B2C tenant's directory, with `Application.Read.All` and `User.Read.All`. */
export interface B2cDirectoryOptions {
  /** GUID of the B2C tenant. */
  tenantId: string
  clientId: string
  /** Name of its client secret in the Key Vault of the plugin `key-vault`. */
  secretName: string
}

/** The names are those of the API's own credential, for on-behalf-of. */
export interface GraphOptions extends CredentialNames {
  /** `https://graph.microsoft.com`; sovereign clouds have others. */
  baseUrl: string
  /** This service's own identity, such as `DefaultAzureCredential`. */
  credential: Credential
  /** `https://login.microsoftonline.com`; sovereign clouds have others. */
  authorityHost: string
  /** Client id of the API's app registration, for on-behalf-of. */
  clientId: string
  /** For questions about the callers of a B2C tenant, which has no on-behalf-of flow. */
  b2c?: B2cDirectoryOptions | undefined
  /** Makes each call and takes its time; by default it is just made. */
  observe?: ObserveCall | undefined
}

interface Question {
  path: string
  /** What this service must have been granted for it. */
  permission: string
}

interface Tokens {
  own(): Promise<string>
  onBehalfOf(assertion: string, tenantId: string): Promise<string>
  /** undefined where no credential for the B2C tenant is configured. */
  b2c: (() => Promise<string>) | undefined
}

/**
 * Microsoft Graph, asked as this service, as a user, or in the B2C tenant's directory. Every call ends within 5 s, or at the
 * deadline if that is sooner, and rejects with a `GraphError`.
 */
function createGraph({ baseUrl, observe = unobserved }: GraphOptions, tokens: Tokens, calls: OutsideCalls) {
  const connections = createConnections(new URL(baseUrl).origin, DEADLINE_MS)

  async function ask(
    { path, permission }: Question,
    token: string,
    { leftMs, signal }: Deadline,
  ): Promise<GraphObject> {
    const answer = await connections.exchange({
      method: 'GET',
      path: `/v1.0${path}`,
      headers: { authorization: `Bearer ${token}`, accept: 'application/json' },
      timeoutMs: Math.max(0, leftMs()),
      maxBytes: MAX_BODY_BYTES,
      signal,
    })
    return parseAnswer(answer, permission)
  }

  async function get(question: Question, getToken: () => Promise<string>, caller: Deadline): Promise<GraphObject> {
    const { signal } = caller
    const timeoutMs = Math.max(0, Math.min(DEADLINE_MS, caller.leftMs()))
    const endsAt = performance.now() + timeoutMs
    const deadline = { signal, leftMs: () => endsAt - performance.now() }
    const explain = (error: unknown): never => {
      if (signal?.aborted) throw new CallerGoneError()
      return rethrow(error)
    }
    try {
      const token = await observe('entra', () => withDeadline(getToken, timeoutMs))
      return await calls.run(deadline, () => observe('graph', () => ask(question, token, deadline).catch(explain)))
    } catch (error) {
      return explain(error)
    }
  }

  return {
    /** An application of the tenant, by its client id. Needs `Application.Read.All`. */
    async getServicePrincipal(clientId: string, deadline = NO_DEADLINE): Promise<GraphObject> {
      return await get(servicePrincipal(clientId), tokens.own, deadline)
    },
    /**
     * A user, on behalf of that user. Needs `User.Read`.
     * @param assertion the user's access token for this API: `app.entraAuth.tokenOf(request)`
     */
    async getMe(assertion: string, tenantId: string, deadline = NO_DEADLINE): Promise<GraphObject> {
      const path = '/me?$select=id,displayName,userPrincipalName,mail'
      return await get({ path, permission: 'User.Read' }, () => tokens.onBehalfOf(assertion, tenantId), deadline)
    },
    /** An application of the B2C tenant. */
    async getB2cServicePrincipal(clientId: string, deadline = NO_DEADLINE): Promise<GraphObject> {
      return await get(servicePrincipal(clientId), configured(tokens.b2c), deadline)
    },
    /** A user of the B2C tenant. */
    async getB2cUser(objectId: string, deadline = NO_DEADLINE): Promise<GraphObject> {
      const path = `/users/${encodeURIComponent(objectId)}?$select=id,displayName`
      return await get({ path, permission: 'User.Read.All' }, configured(tokens.b2c), deadline)
    },
    /** Whether the option `b2c` was given; without it, questions about B2C callers reject with `graph_not_configured`. */
    hasB2cDirectory: tokens.b2c !== undefined,
    close: connections.close,
  }
}

function servicePrincipal(clientId: string): Question {
  const path = `/servicePrincipals(appId='${encodeURIComponent(clientId)}')?$select=id,appId,displayName`
  return { path, permission: 'Application.Read.All' }
}

function configured(getToken: Tokens['b2c']): () => Promise<string> {
  if (getToken !== undefined) return getToken
  throw new NotConfiguredError('graph_not_configured', ['the option b2c of the plugin graph'])
}

function parseAnswer({ status, headers, body }: Answer, permission: string): GraphObject {
  if (status === 401 || status === 403) {
    const detail = `Microsoft Graph refused this service. Grant it the permission ${permission}, with admin consent.`
    throw new GraphError('graph_forbidden', detail, { upstreamStatus: status })
  }
  if (status !== 200) {
    throw new GraphError('graph_failed', `Microsoft Graph answered with status ${status}.`, {
      upstreamStatus: status,
      retryAfterMs: parseRetryAfter(headers['retry-after'], Date.now()),
    })
  }
  const answer = parseJson(body)
  if (!Value.Check(GraphObject, answer))
    throw new GraphError('graph_failed', 'Microsoft Graph answered no JSON object.')
  const { '@odata.context': _context, ...object } = answer
  return object
}

/** @returns undefined, which JSON has no word for, when it is none */
function parseJson(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? '')
  } catch {
    return undefined
  }
}

function timedOut(cause: unknown): GraphError {
  return new GraphError('graph_timeout', `Microsoft Graph did not answer within ${DEADLINE_MS} ms.`, { cause })
}

function rethrow(cause: unknown): never {
  if (cause instanceof PublicError) throw cause
  if (cause instanceof UserInteractionNeededError) throw new InsufficientClaimsError(cause.claims, cause)
  if (isTimeout(cause)) {
    throw timedOut(cause)
  }
  throw new GraphError('graph_failed', 'Microsoft Graph, or a token for it, could not be had.', { cause })
}

export type Graph = Omit<ReturnType<typeof createGraph>, 'close'>

declare module 'fastify' {
  interface FastifyInstance {
    graph: Graph
  }
}

const graph: FastifyPluginAsync<GraphOptions> = async (app, options) => {
  const { baseUrl, credential, authorityHost, clientId, b2c } = options
  const scope = `${new URL(baseUrl).origin}/.default`
  const needsVault = options.secretName !== undefined || options.certificateName !== undefined || b2c !== undefined
  if (needsVault && !app.hasPlugin('key-vault')) {
    throw new Error('graph: options that name a secret need the plugin key-vault; register it first')
  }

  const client = createConfidentialClient({
    authorityHost,
    clientId,
    readCredential: () => readApplicationCredential(app.keyVault, credential, options),
  })
  const b2cClient =
    b2c &&
    createConfidentialClient({
      authorityHost,
      clientId: b2c.clientId,
      readCredential: async () => ({ secret: await app.keyVault.getSecret(b2c.secretName) }),
    })
  const tokens: Tokens = {
    own: () => getOwnToken(credential, scope),
    onBehalfOf: (assertion, tenantId) => client.onBehalfOf(assertion, tenantId, [scope]),
    b2c: b2cClient && b2c && (() => b2cClient.clientCredentials(b2c.tenantId, [scope])),
  }
  const calls = createOutsideCalls({
    name: 'graph',
    title: 'Microsoft Graph',
    log: app.log,
    outOfTime: () => timedOut(undefined),
  })
  const api = createGraph(options, tokens, calls)
  app.decorate('graph', api)
  app.addHook('onClose', () => api.close())
}

export default fp(graph, { name: 'graph', fastify: '5.x' })
