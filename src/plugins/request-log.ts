import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

/** One line for each request, when its answer has gone out: what was asked, by whom, and what became of it. */
const requestLog: FastifyPluginAsync = async (app) => {
  app.addHook('onResponse', async (request, reply) => {
    request.log.info(
      {
        req: request,
        status: reply.statusCode,
        durationMs: Math.round(reply.elapsedTime * 10) / 10,
        ...(request.problem !== null && { problem: request.problem }),
      },
      request.problem === null ? 'served' : 'not served',
    )
  })
}

export default fp(requestLog, { name: 'request-log', fastify: '5.x' })
