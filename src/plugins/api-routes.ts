import type {} from '@fastify/swagger'
import type { FastifyPluginAsync, RouteOptions } from 'fastify'
import fp from 'fastify-plugin'

declare module 'fastify' {
  interface FastifyInstance {
    /** Every route that has an `operationId` in its schema: what callers are told of. */
    readonly apiRoutes: readonly RouteOptions[]
  }
}

/** Keeps the options of the routes that are registered after it, so that what describes the API cannot differ from it. */
const apiRoutes: FastifyPluginAsync = async (app) => {
  const routes: RouteOptions[] = []
  app.decorate('apiRoutes', routes)
  app.addHook('onRoute', (route) => {
    if (route.schema?.operationId !== undefined && route.method !== 'HEAD') routes.push(route)
  })
}

export default fp(apiRoutes, { name: 'api-routes', fastify: '5.x' })
