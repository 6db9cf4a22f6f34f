import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { type Static, Type } from 'typebox'
import { NotConfiguredError } from '../errors.ts'
import { policies } from './policies.ts'

const B2C_DIRECTORY = ['B2C_DIRECTORY_TENANT_ID', 'B2C_DIRECTORY_CLIENT_ID', 'B2C_DIRECTORY_CLIENT_SECRET_NAME']

const Greeting = Type.Object(
  {
    claims: Type.Record(Type.String(), Type.Unknown(), { description: 'The verified claims of your token.' }),
    flow: Type.Enum(['client_credentials', 'on_behalf_of'], {
      description: 'In whose name Microsoft Graph was asked.',
    }),
    graph: Type.Record(Type.String(), Type.Unknown(), { description: 'Your service principal, or your user.' }),
  },
  {
    description: 'Who you are.',
    examples: [
      {
        claims: { azp: '1d5f3a7c-2b4e-4c6d-8e9f-a0b1c2d3e4f5', roles: ['Graph.Hello'] },
        flow: 'client_credentials',
        graph: { appId: '1d5f3a7c-2b4e-4c6d-8e9f-a0b1c2d3e4f5', displayName: 'Caller' },
      },
    ],
  },
)

const PROBLEMS = [
  'insufficient_claims',
  'graph_failed',
  'graph_forbidden',
  'graph_timeout',
  'graph_unavailable',
  'graph_not_configured',
  'secret_unavailable',
] as const
type Greeting = Static<typeof Greeting>

/** `GET /api/v1/hello-graph`: the caller's verified claims, and what Microsoft Graph says of the caller. */
const helloGraph: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/api/v1/hello-graph',
    {
      config: { policy: policies['GET /api/v1/hello-graph'], problems: PROBLEMS },
      schema: {
        operationId: 'helloGraph',
        tags: ['Graph'],
        summary: 'Get your claims, and what Microsoft Graph says of you',
        description: 'Users are asked for on their behalf; apps, and callers of B2C, in the name of this service.',
        response: { 200: Greeting },
      },
    },
    async (request) => await greet(app, request),
  )
}

/** What an authenticated request gets to know about its caller. */
export async function greet(app: FastifyInstance, request: FastifyRequest): Promise<Greeting> {
  return { claims: { ...request.caller.claims }, ...(await askGraph(app, request)) }
}

/** B2C has no on-behalf-of flow, and Entra refuses it for apps: there the service asks in its own name. */
async function askGraph({ graph, entraAuth }: FastifyInstance, request: FastifyRequest) {
  const { deadline } = request
  const { kind, isB2c, clientId = '', objectId = '', tenantId = '' } = request.caller
  if (isB2c && !graph.hasB2cDirectory) throw new NotConfiguredError('graph_not_configured', B2C_DIRECTORY)
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
