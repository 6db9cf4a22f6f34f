import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Deadline } from '../azure/deadline.ts'

const startedAt = Symbol('request-deadline.startedAt')

declare module 'fastify' {
  interface FastifyRequest {
    /** For every call that this request makes of others: it gets what is left, and ends when the caller hangs up. */
    readonly deadline: Deadline
    [startedAt]: number
  }
}

/** @param options.timeoutMs milliseconds from a request's arrival until nobody works on it any more */
const requestDeadline: FastifyPluginAsync<{ timeoutMs: number }> = async (app, { timeoutMs }) => {
  app.decorateRequest(startedAt, 0)
  app.decorateRequest('deadline', {
    getter(this: FastifyRequest) {
      const endsAt = this[startedAt] + timeoutMs
      return { signal: this.signal, leftMs: () => endsAt - performance.now() }
    },
  })
  app.addHook('onRequest', (request, _reply, done) => {
    request[startedAt] = performance.now()
    done()
  })
}

export default fp(requestDeadline, { name: 'request-deadline', fastify: '5.x' })
