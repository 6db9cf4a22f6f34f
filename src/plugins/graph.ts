import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Dispatcher } from 'undici'
import {
  type ApiCredential,
  createConfidentialClient,
  UserInteractionNeededError,
} from '../azure/confidential-client.ts'
import type { Credential } from '../azure/credential.ts'
import { GraphError, InsufficientClaimsError, NotConfiguredError, PublicError } from '../errors.ts'
import { withDeadline } from './deadline.ts'

/** From the first token request to the last byte. */
const DEADLINE_MS = 5_000
const CONNECTIONS = 16
/** Graph throttles with 429 and `Retry-After` ('Microsoft Graph throttling guidance'); the deadline bounds it all. */
const RETRY = { maxRetries: 3, minTimeout: 200, maxTimeout: 5_000, statusCodes: [429, 500, 502, 503, 504] }
/** Entra's audience for managed identities as federated credentials. */
const TOKEN_EXCHANGE_SCOPE = 'api://AzureADTokenExchange/.default'

const GraphObject = Type.Record(Type.String(), Type.Unknown())
type GraphObject = Type.Static<typeof GraphObject>

/** The application that this service is in a B2C tenant's directory. */
interface B2cDirectory {
  tenantId: string
  clientId: string
  secretName: string
}

interface GraphOptions {
  baseUrl: string
  /** This service's own identity. */
  credential: Credential
  authorityHost: string
  /** The API's app registration, for on-behalf-of. */
  clientId: string
  /** Names in the vault; with neither, the managed identity is the federated credential. */
  secretName?: string | undefined
  certificateName?: string | undefined
  b2c?: B2cDirectory | undefined
}

interface Tokens {
  own(): Promise<string>
  onBehalfOf(assertion: string, tenantId: string): Promise<string>
  /** undefined where no credential for the B2C tenant is configured. */
  b2c: (() => Promise<string>) | undefined
}

/** Microsoft Graph, asked as this service, as a user, or in the B2C tenant's directory. */
function createGraph(baseUrl: string, tokens: Tokens) {
  const { origin } = new URL(baseUrl)
  let pool: Promise<Dispatcher> | undefined

  /** Loaded with the first question: most requests have none for Graph. */
  async function connect(): Promise<Dispatcher> {
    const { interceptors, Pool } = await import('undici')
    return new Pool(origin, { connections: CONNECTIONS }).compose(interceptors.retry(RETRY))
  }

  async function get(path: string, permission: string, getToken: () => Promise<string>): Promise<GraphObject> {
    return await withDeadline(async (signal) => {
      const token = await getToken()
      const headers = { authorization: `Bearer ${token}`, accept: 'application/json' }
      pool ??= connect()
      const dispatcher = await pool
      const response = await dispatcher.request({ origin, method: 'GET', path: `/v1.0${path}`, headers, signal })
      return await parseAnswer(response, permission)
    }, DEADLINE_MS).catch((error: unknown) => {
      throw translate(error)
    })
  }

  return {
    async getServicePrincipal(clientId: string): Promise<GraphObject> {
      return await get(servicePrincipal(clientId), 'Application.Read.All', tokens.own)
    },
    async getMe(assertion: string, tenantId: string): Promise<GraphObject> {
      const select = '$select=id,displayName,userPrincipalName,mail'
      return await get(`/me?${select}`, 'User.Read', () => tokens.onBehalfOf(assertion, tenantId))
    },
    async getB2cServicePrincipal(clientId: string): Promise<GraphObject> {
      return await get(servicePrincipal(clientId), 'Application.Read.All', configured(tokens.b2c))
    },
    async getB2cUser(objectId: string): Promise<GraphObject> {
      const path = `/users/${encodeURIComponent(objectId)}?$select=id,displayName`
      return await get(path, 'User.Read.All', configured(tokens.b2c))
    },
    close: async () => await (await pool)?.close(),
  }
}

function servicePrincipal(clientId: string): string {
  return `/servicePrincipals(appId='${encodeURIComponent(clientId)}')?$select=id,appId,displayName`
}

function configured(getToken: Tokens['b2c']): () => Promise<string> {
  if (getToken !== undefined) return getToken
  throw new NotConfiguredError('graph_not_configured', [
    'B2C_DIRECTORY_TENANT_ID',
    'B2C_DIRECTORY_CLIENT_ID',
    'B2C_DIRECTORY_CLIENT_SECRET_NAME',
  ])
}

async function parseAnswer({ statusCode, body }: Dispatcher.ResponseData, permission: string): Promise<GraphObject> {
  if (statusCode === 401 || statusCode === 403) {
    await body.dump()
    const detail = `Microsoft Graph refused this service. Grant it the permission ${permission}, with admin consent.`
    throw new GraphError('graph_forbidden', detail, { upstreamStatus: statusCode })
  }
  if (statusCode !== 200) {
    await body.dump()
    throw new GraphError('graph_failed', `Microsoft Graph answered with status ${statusCode}.`, {
      upstreamStatus: statusCode,
    })
  }
  const answer = await body.json().catch(() => undefined)
  if (!Value.Check(GraphObject, answer))
    throw new GraphError('graph_failed', 'Microsoft Graph answered no JSON object.')
  const { '@odata.context': _context, ...object } = answer
  return object
}

function translate(cause: unknown): Error {
  if (cause instanceof PublicError) return cause
  if (cause instanceof UserInteractionNeededError) return new InsufficientClaimsError(cause.claims, cause)
  if (cause instanceof Error && /^no answer within/.test(cause.message)) {
    return new GraphError('graph_timeout', `Microsoft Graph did not answer within ${DEADLINE_MS} ms.`, { cause })
  }
  const upstreamStatus = cause instanceof Error && 'statusCode' in cause ? Number(cause.statusCode) : undefined
  const detail =
    upstreamStatus === undefined
      ? 'Microsoft Graph, or a token for it, could not be had.'
      : `Microsoft Graph answered with status ${upstreamStatus}.`
  return new GraphError('graph_failed', detail, { cause, upstreamStatus })
}

declare module 'fastify' {
  interface FastifyInstance {
    graph: Omit<ReturnType<typeof createGraph>, 'close'>
  }
}

const graph: FastifyPluginAsync<GraphOptions> = async (app, options) => {
  const { baseUrl, credential, authorityHost, clientId, b2c } = options
  const scope = `${new URL(baseUrl).origin}/.default`

  async function getOwnToken(forScope: string): Promise<string> {
    const token = await credential.getToken(forScope)
    if (token === null) throw new Error('this service has no identity')
    return token.token
  }

  async function readCredential(): Promise<ApiCredential> {
    if (options.secretName !== undefined) return { secret: await app.keyVault.getSecret(options.secretName) }
    if (options.certificateName !== undefined)
      return { certificate: await app.keyVault.getSecret(options.certificateName) }
    return { assertion: () => getOwnToken(TOKEN_EXCHANGE_SCOPE) }
  }

  const client = createConfidentialClient({ authorityHost, clientId, readCredential })
  const b2cClient =
    b2c &&
    createConfidentialClient({
      authorityHost,
      clientId: b2c.clientId,
      readCredential: async () => ({ secret: await app.keyVault.getSecret(b2c.secretName) }),
    })
  const api = createGraph(baseUrl, {
    own: () => getOwnToken(scope),
    onBehalfOf: (assertion, tenantId) => client.onBehalfOf(assertion, tenantId, [scope]),
    b2c: b2cClient && b2c && (() => b2cClient.clientCredentials(b2c.tenantId, [scope])),
  })
  app.decorate('graph', api)
  app.addHook('onClose', () => api.close())
}

export default fp(graph, { name: 'graph', fastify: '5.x', dependencies: ['key-vault'] })
