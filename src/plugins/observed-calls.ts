import { AsyncLocalStorage } from 'node:async_hooks'
import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import type { ObserveCall, Target } from '../azure/outside-call.ts'
import { CallerGoneError } from '../errors.ts'

/** `stopped`: the caller hung up, and so the call was ended. */
type CallOutcome = 'ok' | 'failed' | 'stopped'

/** Milliseconds that a request has waited for each neighbour. */
export type CallTimes = Partial<Record<Target, number>>

export type CallListener = (target: Target, outcome: CallOutcome, durationMs: number) => void

/** What traces have to do with calls to neighbours. */
export interface CallTracing {
  /** Makes a call, in a span of its own. */
  traceCall<T>(target: Target, call: () => Promise<T>): Promise<T>
  /** What is under way here, as the W3C's `traceparent`. */
  readTraceparent(): string | undefined
}

interface ObservedCallsOptions {
  /** Undefined: there are no traces. */
  tracing?: CallTracing | undefined
}

declare module 'fastify' {
  interface FastifyInstance {
    observedCalls: {
      /** What clients of neighbours make their calls with. */
      observe: ObserveCall
      /** For whoever goes on with this request's work elsewhere; undefined when there are no traces. */
      readTraceparent(): string | undefined
      /** Is told of every call when it is over, also of those that no request waits for. */
      onEnd(listener: CallListener): void
    }
  }
  interface FastifyRequest {
    /** The calls of this request that are over; one that joined another's has none of its own. */
    callTimes: CallTimes | null
  }
}

/** The one place where calls to neighbours are timed: for the log line of their request, for metrics, and for traces. */
const observedCalls: FastifyPluginAsync<ObservedCallsOptions> = async (app, { tracing }) => {
  const current = new AsyncLocalStorage<CallTimes>()
  const listeners: CallListener[] = []

  function end(target: Target, outcome: CallOutcome, durationMs: number): void {
    const times = current.getStore()
    if (times !== undefined) times[target] = (times[target] ?? 0) + durationMs
    for (const listener of listeners) listener(target, outcome, durationMs)
  }

  const observe: ObserveCall = async (target, call, isOk) => {
    const startedAt = performance.now()
    try {
      const answer = await (tracing === undefined ? call() : tracing.traceCall(target, call))
      end(target, isOk === undefined || isOk(answer) ? 'ok' : 'failed', performance.now() - startedAt)
      return answer
    } catch (error) {
      end(target, error instanceof CallerGoneError ? 'stopped' : 'failed', performance.now() - startedAt)
      throw error
    }
  }

  app.decorate('observedCalls', {
    observe,
    readTraceparent: () => tracing?.readTraceparent(),
    onEnd(listener) {
      listeners.push(listener)
    },
  })
  app.decorateRequest('callTimes', null)
  app.addHook('onRequest', (request, _reply, done) => {
    request.callTimes = {}
    current.run(request.callTimes, done)
  })
  // Reading a body loses the way back to the request.
  app.addHook('preHandler', ({ callTimes }, _reply, done) => {
    if (callTimes === null || current.getStore() === callTimes) done()
    else current.run(callTimes, done)
  })
}

export default fp(observedCalls, { name: 'observed-calls', fastify: '5.x' })
