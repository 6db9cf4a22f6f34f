import rateLimit from '@fastify/rate-limit'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { AccessRefusedError } from './entra-auth/refusals.ts'
import { answerError, rateLimited } from './problem-details.ts'

const MINUTE_MS = 60_000

interface CallerLimitsOptions {
  /** Requests that each caller may send in a minute, and requests that may be refused for their tokens from one address. */
  maxPerMinute: number
  /** Which requests come from the same caller. */
  keyGenerator: (request: FastifyRequest) => string
}

/**
 * Bounds how often a caller may ask, in a scope that `entraAuth.protect` made a protected one: each verified caller by
 * itself, and those without a valid token by their address. A valid token is served whatever else comes from its address:
 * behind a proxy that may be everybody's.
 */
const callerLimits: FastifyPluginAsync<CallerLimitsOptions> = async (scope, { maxPerMinute, keyGenerator }) => {
  await scope.register(rateLimit, {
    global: false,
    max: maxPerMinute,
    timeWindow: MINUTE_MS,
    enableDraftSpec: true,
    errorResponseBuilder: (_request, { max, ttl }) => rateLimited(max, Math.ceil(ttl / 1_000)),
  })
  scope.addHook('onRequest', scope.rateLimit({ keyGenerator }))

  // By address, those of IPv6 by their network of 64 bits.
  const countRefusal = scope.createRateLimit()
  scope.setErrorHandler(async (error, request, reply) => {
    if (!(error instanceof AccessRefusedError)) return answerError(error, request, reply)
    const count = await countRefusal(request)
    const isTooOften = !count.isAllowed && count.isExceeded
    return answerError(isTooOften ? rateLimited(maxPerMinute, count.ttlInSeconds) : error, request, reply)
  })
}

export default fp(callerLimits, { name: 'caller-limits', fastify: '5.x', dependencies: ['entra-auth'] })
