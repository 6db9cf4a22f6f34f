import swaggerUi from '@fastify/swagger-ui'
import Fastify, { type FastifyInstance, type RouteOptions } from 'fastify'
import type { IssuerOptions } from '../plugins/entra-auth/issuer-options.ts'
import problemDetails from '../plugins/problem-details.ts'
import { describeRoutes } from './document.ts'
import { describeSecurity } from './security.ts'

interface DocumentationOptions {
  /** What is described. */
  routes: readonly RouteOptions[]
  /** Whose tokens open them. */
  issuers: readonly IssuerOptions[]
  /** The app registration by which people sign in on the page; without it they type one in. */
  clientId?: string | undefined
}

/** An application of its own that describes another: the document from `swagger()`, and a page to try it out at `/docs`. */
export async function createDocumentation({
  routes,
  issuers,
  clientId,
}: DocumentationOptions): Promise<FastifyInstance> {
  const app = Fastify({ requestIdHeader: 'x-request-id' })
  await app.register(problemDetails)
  // The address of the page that ends a sign-in has a code in it.
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('referrer-policy', 'no-referrer')
  })
  const security = describeSecurity(issuers, routes)
  await describeRoutes(app, { routes, security })
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    // The page sends tokens to this API, and codes and verifiers to the token endpoints, and nothing to anybody else.
    staticCSP: {
      'default-src': "'none'",
      'script-src': "'self'",
      'style-src': "'self'",
      'img-src': "'self' data:",
      'connect-src': ["'self'", ...security.tokenOrigins],
      'base-uri': "'none'",
      'form-action': "'none'",
      'frame-ancestors': "'none'",
    },
    theme: { title: 'fastify-entra: documentation' },
    uiConfig: { layout: 'BaseLayout', defaultModelsExpandDepth: 0, tryItOutEnabled: true },
    initOAuth: {
      clientId: clientId ?? '',
      scopes: security.userScopes,
      usePkceWithAuthorizationCodeGrant: true,
    },
  })
  await app.ready()
  return app
}
