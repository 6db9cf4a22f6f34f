import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { policies } from './policies.ts'

const Greeting = Type.Object({
  claims: Type.Record(Type.String(), Type.Unknown()),
  flow: Type.Enum(['client_credentials', 'on_behalf_of']),
  graph: Type.Record(Type.String(), Type.Unknown()),
})

/** `GET /api/v1/hello-graph`: the caller's verified claims, and what Microsoft Graph says of the caller. */
const helloGraph: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/api/v1/hello-graph',
    { config: { policy: policies['GET /api/v1/hello-graph'] }, schema: { response: { 200: Greeting } } },
    async (request) => ({ claims: { ...request.caller.claims }, ...(await askGraph(app, request)) }),
  )
}

/** B2C has no on-behalf-of flow, and Entra refuses it for apps: there the service asks in its own name. */
async function askGraph({ graph, entraAuth }: FastifyInstance, request: FastifyRequest) {
  const { deadline } = request
  const { kind, isB2c, clientId = '', objectId = '', tenantId = '' } = request.caller
  if (kind === 'app') {
    const principal = isB2c
      ? await graph.getB2cServicePrincipal(clientId, deadline)
      : await graph.getServicePrincipal(clientId, deadline)
    return { flow: 'client_credentials' as const, graph: principal }
  }
  if (isB2c) return { flow: 'client_credentials' as const, graph: await graph.getB2cUser(objectId, deadline) }
  return { flow: 'on_behalf_of' as const, graph: await graph.getMe(entraAuth.tokenOf(request), tenantId, deadline) }
}

export default fp(helloGraph, { name: 'route-hello-graph', encapsulate: true, dependencies: ['entra-auth', 'graph'] })
