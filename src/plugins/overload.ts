import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { UnavailableError } from '../errors.ts'

/** One caller alone cannot keep all others out. */
const LARGEST_SHARE = 5 / 6
const RETRY_AFTER_SECONDS = 1

interface OverloadOptions {
  /** Requests to one endpoint that are worked on at the same time. */
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
    const underWay = createCounter()
    route.onRequest = [route.onRequest ?? []].flat().concat((request, reply, done) => {
      const caller = keyGenerator(request)
      if (underWay.total >= maxConcurrent) return done(overloaded(`This endpoint works on ${maxConcurrent} requests`))
      if (underWay.of(caller) >= maxPerCaller)
        return done(overloaded(`${maxPerCaller} requests of yours are under way`))
      underWay.begin(caller)
      // Comes for every answer, and also when the caller hangs up before it.
      reply.raw.once('close', () => underWay.end(caller))
      done()
    })
  })
}

function createCounter() {
  const byCaller = new Map<string, number>()
  let total = 0
  const of = (caller: string) => byCaller.get(caller) ?? 0
  return {
    of,
    get total(): number {
      return total
    },
    begin(caller: string): void {
      total += 1
      byCaller.set(caller, of(caller) + 1)
    },
    end(caller: string): void {
      total -= 1
      if (of(caller) === 1) byCaller.delete(caller)
      else byCaller.set(caller, of(caller) - 1)
    },
  }
}

function overloaded(what: string): UnavailableError {
  return new UnavailableError('overloaded', `${what} at the moment, and takes no more. Send the request again.`, {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  })
}

export default fp(overload, { name: 'overload', fastify: '5.x', dependencies: ['entra-auth'] })
