import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import fp from 'fastify-plugin'
import { Type } from 'typebox'
import { describeSecurity } from '../openapi/security.ts'
import type { IssuerOptions } from '../plugins/entra-auth/issuer-options.ts'

interface ProtectedResourceOptions {
  /** Whose tokens open this API. */
  issuers: readonly IssuerOptions[]
}

const Metadata = Type.Object(
  {
    resource: Type.String({ description: 'This API.' }),
    resource_name: Type.String(),
    resource_documentation: Type.String(),
    authorization_servers: Type.Optional(Type.Array(Type.String(), { description: 'Whose tokens open it.' })),
    scopes_supported: Type.Array(Type.String(), { description: 'What to ask them for.' }),
    bearer_methods_supported: Type.Array(Type.String()),
  },
  { description: 'Where to get a token, and for what.' },
)

/** `GET /.well-known/oauth-protected-resource`: where to get a token for this API (RFC 9728, section 2). */
const protectedResource: FastifyPluginAsyncTypebox<ProtectedResourceOptions> = async (app, { issuers }) => {
  app.get(
    '/.well-known/oauth-protected-resource',
    {
      schema: {
        operationId: 'getProtectedResourceMetadata',
        tags: ['Service'],
        summary: 'Find out where to get a token (RFC 9728)',
        response: { 200: Metadata },
      },
    },
    async (request) => {
      const resource = `${request.protocol}://${request.host}`
      const { appScopes, userScopes } = describeSecurity(issuers, app.apiRoutes)
      // The issuer of many tenants is a template in their metadata; this is what stands for all of them.
      const servers = app.entraAuth.issuers.map((issuer) => issuer.replace('{tenantid}', 'organizations'))
      return {
        resource,
        resource_name: 'fastify-entra',
        resource_documentation: `${resource}/docs`,
        // A list without values is left out (section 3.2): so it is while no issuer's metadata could be read.
        ...(servers.length > 0 && { authorization_servers: servers }),
        scopes_supported: [...appScopes, ...userScopes],
        bearer_methods_supported: ['header'],
      }
    },
  )
}

export default fp(protectedResource, {
  name: 'route-protected-resource',
  encapsulate: true,
  dependencies: ['api-routes', 'entra-auth'],
})
