import { managedIdentity } from './directory.ts'
import type { Tokens } from './entra/tokens.ts'
import type { Server } from './server.ts'

/** What `IDENTITY_HEADER` holds: it proves that a request comes from the host that the identity belongs to. */
export const identityHeader = 'local-identity-header'

/** The managed identity endpoint of App Service ('REST endpoint reference', How to use managed identities for App Service). */
export async function registerManagedIdentity(app: Server, tokens: Tokens): Promise<void> {
  app.get('/msi/token', async (request, reply) => {
    if (request.headers['x-identity-header'] !== identityHeader)
      return reply.code(401).send({ message: 'Unauthorized' })
    const { resource } = Object(request.query)
    const token = typeof resource === 'string' ? tokens.forResource(managedIdentity, resource) : undefined
    if (token === undefined) return reply.code(400).send({ message: `no resource ${String(resource)}` })
    return {
      access_token: await token,
      expires_on: String(Math.floor(Date.now() / 1_000) + 3_599),
      resource,
      token_type: 'Bearer',
      client_id: managedIdentity.clientId,
    }
  })
}
