import Fastify, { type FastifyInstance } from 'fastify'
import entraAuth, { type EntraAuthOptions } from 'fastify-entra'

/** A fresh application with one route that only apps with the role `Orders.Read` may call. */
export async function buildApp(options: EntraAuthOptions): Promise<FastifyInstance> {
  const app = Fastify()
  await app.register(entraAuth, options)
  app.register(async (api) => {
    api.entraAuth.protect(api)
    api.get('/orders', { config: { policy: { roles: ['Orders.Read'] } } }, async ({ caller }) => ({
      for: caller.clientId,
    }))
  })
  return app
}
