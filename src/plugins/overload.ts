import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { CallerGoneError, UnavailableError } from '../errors.ts'

/** One caller alone cannot keep all others out. */
const LARGEST_SHARE = 5 / 6
/** Many who come together, and are served soon, are no overload: so long there may be so many times more. */
const BURST_MS = 500
const BURST_FACTOR = 5
/** The next burst may come when it was calm for so long. */
const CALM_MS = 5_000
const RETRY_AFTER_SECONDS = 1

interface OverloadOptions {
  /** Requests to one endpoint that are worked on at the same time for longer than a moment. */
  maxConcurrent: number
  /** Which requests come from the same caller. */
  keyGenerator: (request: FastifyRequest) => string
}

/**
 * Refuses at once what would only wait, in every endpoint of a scope by itself: an endpoint whose neighbour is slow takes
 * nothing from the others. Runs behind the authentication.
 */
const overload: FastifyPluginAsync<OverloadOptions> = async (scope, { maxConcurrent, keyGenerator }) => {
  const maxPerCaller = Math.ceil(maxConcurrent * LARGEST_SHARE)

  scope.addHook('onRoute', (route) => {
    const all = createGate(maxConcurrent)
    const callers = new Map<string, Gate>()

    route.onRequest = [route.onRequest ?? []].flat().concat((request, reply, done) => {
      // Nothing would tell when this one has ended.
      if (reply.raw.destroyed) return done(new CallerGoneError())
      const caller = keyGenerator(request)
      const own = callers.get(caller) ?? createGate(maxPerCaller)
      const nowMs = performance.now()
      if (!all.isOpen(nowMs)) return done(overloaded('This endpoint works on as many requests as it can'))
      if (!own.isOpen(nowMs)) return done(overloaded(`${own.count} requests of yours are under way`))
      // What one caller has beyond his share, in a burst, takes no place from others.
      const isWithinShare = own.count < maxPerCaller
      if (isWithinShare) all.enter(nowMs)
      own.enter(nowMs)
      callers.set(caller, own)
      // Comes for every answer, and also when the caller hangs up before it.
      reply.raw.once('close', () => {
        if (isWithinShare) all.leave()
        own.leave()
        if (own.count === 0) callers.delete(caller)
      })
      done()
    })
  })
}

type Gate = ReturnType<typeof createGate>

/** Lets in up to `max` at a time, and for a moment a multiple of it. */
function createGate(max: number) {
  let count = 0
  let fullSinceMs = Number.NEGATIVE_INFINITY
  let lastFullMs = Number.NEGATIVE_INFINITY
  return {
    get count(): number {
      return count
    },
    isOpen: (nowMs: number) => count < max || (count < max * BURST_FACTOR && nowMs - fullSinceMs < BURST_MS),
    enter(nowMs: number): void {
      count += 1
      if (count < max) return
      if (nowMs - lastFullMs > CALM_MS) fullSinceMs = nowMs
      lastFullMs = nowMs
    },
    leave(): void {
      count -= 1
    },
  }
}

function overloaded(what: string): UnavailableError {
  return new UnavailableError('overloaded', `${what} at the moment. Send the request again.`, {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  })
}

export default fp(overload, { name: 'overload', fastify: '5.x', dependencies: ['entra-auth'] })
