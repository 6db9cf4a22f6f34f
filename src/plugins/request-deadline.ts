import type { ServerResponse } from 'node:http'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { Deadline } from '../azure/deadline.ts'

const arrival = Symbol('request-deadline.arrival')

declare module 'fastify' {
  interface FastifyRequest {
    /** For every call that this request makes of others: it gets what is left, and ends when the caller hangs up. */
    readonly deadline: Deadline
    [arrival]: { atMs: number; answer: ServerResponse } | null
  }
}

/** @param options.timeoutMs milliseconds from a request's arrival until nobody works on it any more */
const requestDeadline: FastifyPluginAsync<{ timeoutMs: number }> = async (app, { timeoutMs }) => {
  app.decorateRequest(arrival, null)
  app.decorateRequest('deadline', {
    getter(this: FastifyRequest) {
      if (this[arrival] === null) throw new Error('a deadline begins with the hook onRequest')
      const { atMs, answer } = this[arrival]
      return { signal: whenHungUp(answer), leftMs: () => atMs + timeoutMs - performance.now() }
    },
  })
  app.addHook('onRequest', (request, reply, done) => {
    request[arrival] = { atMs: performance.now(), answer: reply.raw }
    done()
  })
}

/** Fastify's own `request.signal` fires as soon as the body of a request has been read. */
function whenHungUp(answer: ServerResponse): AbortSignal {
  const hungUp = new AbortController()
  if (answer.destroyed) hungUp.abort()
  answer.once('close', () => {
    if (!answer.writableFinished) hungUp.abort()
  })
  return hungUp.signal
}

export default fp(requestDeadline, { name: 'request-deadline', fastify: '5.x' })
