import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import fp from 'fastify-plugin'
import { Type } from 'typebox'

const PartState = Type.Enum(['ok', 'unavailable'])
const Readiness = Type.Object(
  { status: Type.Enum(['ready', 'not_ready', 'stopping']), checks: Type.Record(Type.String(), PartState) },
  {
    description: 'The state of each neighbour.',
    examples: [{ status: 'ready', checks: { keys: 'ok', keyVault: 'ok', queue: 'ok', table: 'ok', numberApi: 'ok' } }],
  },
)

/** `GET /healthz`: the process answers. `GET /readyz`: it can serve, and how each of its neighbours is. */
const health: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/healthz',
    {
      exposeHeadRoute: true,
      schema: {
        operationId: 'getHealth',
        tags: ['Service'],
        summary: 'Ask whether the process is alive',
        response: { 200: Type.Object({ status: Type.Literal('ok') }, { description: 'It is.' }) },
      },
    },
    async () => ({ status: 'ok' as const }),
  )

  app.get(
    '/readyz',
    {
      exposeHeadRoute: true,
      schema: {
        operationId: 'getReadiness',
        tags: ['Service'],
        summary: 'Ask whether it can serve, and how each of its neighbours is',
        response: { 200: Readiness, 503: Readiness },
      },
    },
    async (_request, reply) => {
      if (app.readiness.isStopping) return reply.code(503).send({ status: 'stopping', checks: {} })
      const report = Object.entries(await app.readiness.report())
      const isReady = report.every(([, isUsable]) => isUsable)
      const checks = Object.fromEntries(
        report.map(([part, isUsable]) => [part, isUsable ? 'ok' : 'unavailable'] as const),
      )
      return reply.code(isReady ? 200 : 503).send({ status: isReady ? 'ready' : 'not_ready', checks })
    },
  )
}

export default fp(health, { name: 'route-health', encapsulate: true, dependencies: ['readiness'] })
