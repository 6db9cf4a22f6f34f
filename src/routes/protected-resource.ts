import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import fp from 'fastify-plugin'

interface ProtectedResourceOptions {
  /** Scopes that a client may ask the authorization server for. */
  scopes: readonly string[]
}

const Metadata = Type.Object({
  resource: Type.String(),
  authorization_servers: Type.Array(Type.String()),
  scopes_supported: Type.Array(Type.String()),
  bearer_methods_supported: Type.Array(Type.String()),
})

/** `GET /.well-known/oauth-protected-resource`: where to get a token for this API (RFC 9728, section 2). */
const protectedResource: FastifyPluginAsyncTypebox<ProtectedResourceOptions> = async (app, options) => {
  app.get('/.well-known/oauth-protected-resource', { schema: { response: { 200: Metadata } } }, async (request) => ({
    resource: `${request.protocol}://${request.host}`,
    authorization_servers: [...app.entraAuth.issuers],
    scopes_supported: [...options.scopes],
    bearer_methods_supported: ['header'],
  }))
}

export default fp(protectedResource, {
  name: 'route-protected-resource',
  encapsulate: true,
  dependencies: ['entra-auth'],
})
