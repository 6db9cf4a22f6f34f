/** Somebody else's application: TypeScript, ESM, and the package as it was installed. Prints what callers got. */
import { DefaultAzureCredential } from '@azure/identity'
import Fastify, { type FastifyInstance, type RouteShorthandOptions } from 'fastify'
import entraAuth, { type Caller, type EntraAuthOptions, type IssuerOptions, PublicError } from 'fastify-entra'
import graph, { type GraphOptions } from 'fastify-entra/graph'
import keyVault, { type KeyVault, type KeyVaultOptions } from 'fastify-entra/key-vault'
import storageQueue, { type StorageQueueOptions, type StorageQueues } from 'fastify-entra/storage-queue'
import { createTestAuthority, type TestAuthority } from 'fastify-entra/testing'

const issuer: IssuerOptions = {
  kind: 'entra',
  tenantId: '3f2504e0-4f89-41d3-9a0c-0305e82c3301',
  clientId: '6b29fc40-ca47-4067-b31d-00dd010662da',
  authorityHost: process.env['AUTHORITY_HOST'],
}
export const production: EntraAuthOptions = {
  issuers: [issuer],
  allowedClientIds: [],
  tokenCache: { maxTokens: 1_000 },
}
// @ts-expect-error an issuer without a client id
export const incomplete: EntraAuthOptions = { issuers: [{ kind: 'entra', tenantId: issuer.tenantId }] }
// @ts-expect-error a role that is no list
export const wrong: RouteShorthandOptions = { config: { policy: { roles: 'Orders.Read' } } }

export async function buildApp(options: EntraAuthOptions): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(entraAuth, options)
  app.register(async (api) => {
    api.entraAuth.protect(api)
    api.get('/orders', { config: { policy: { roles: ['Orders.Read'] } } }, async (request) => describe(request.caller))
  })
  app.setErrorHandler((error, request, reply) => {
    if (!(error instanceof PublicError)) return reply.code(500).send()
    return reply.code(error.status).headers(error.headers).send(error.toProblem(request.id))
  })
  return app
}

export async function registerAzure(app: FastifyInstance): Promise<void> {
  const credential = new DefaultAzureCredential()
  const vault: KeyVaultOptions = { url: 'https://my-vault.vault.azure.net', credential }
  const queue: StorageQueueOptions = { urls: ['https://mystorage.queue.core.windows.net/orders'], credential }
  const directory: GraphOptions = {
    baseUrl: 'https://graph.microsoft.com',
    authorityHost: 'https://login.microsoftonline.com',
    clientId: issuer.clientId,
    secretName: 'api-client-secret',
    credential,
  }
  await app.register(keyVault, vault)
  await app.register(storageQueue, queue)
  await app.register(graph, directory)
  app.post('/orders', async (request): Promise<[KeyVault, StorageQueues]> => [request.keyVault, request.queue])
}

function describe({ kind, clientId, roles, claims }: Caller) {
  return { kind, clientId, roles: [...roles], issuedAt: claims.iat }
}

const authority: TestAuthority = createTestAuthority()
const app = Fastify()
await app.register(async (scope) => await registerAzure(scope))
await app.ready()
await app.close()

const orders = await buildApp(authority.authOptions(['v2']))
const call = async (token?: string) => {
  const { statusCode, headers } = await orders.inject({
    url: '/orders',
    headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
  })
  return { statusCode, challenge: headers['www-authenticate'] }
}
const answers = [
  await call(authority.token({ roles: ['Orders.Read'] })),
  await call(),
  await call(authority.token()),
  await call(authority.token({ roles: ['Orders.Read'], claims: { aud: 'api://other' } })),
]
await orders.close()
process.stdout.write(`${JSON.stringify(answers)}\n`)
