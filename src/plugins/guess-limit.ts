import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible'
import { PublicError } from '../errors.ts'

interface GuessLimitOptions {
  /** Wrong guesses that each caller has in a minute. */
  maxPerMinute: number
  /** Which requests come from the same caller. */
  keyGenerator: (request: FastifyRequest) => string
}

/** Ends the search for something secret by trying: who was wrong too often is not answered for a while, right or wrong. */
function createGuessLimit({ maxPerMinute, keyGenerator }: GuessLimitOptions) {
  const limiter = new RateLimiterMemory({ points: maxPerMinute, duration: 60 })

  return {
    /**
     * Lets a caller guess. A guess counts from its beginning, so that many at once are not more than one after the other,
     * and is given back unless it was wrong.
     * @param guess returns whether it was right
     * @throws {PublicError} 429 `rate_limited`, with `retry-after`
     */
    async guess<T>(request: FastifyRequest, guess: () => Promise<{ isRight: boolean; answer: T }>): Promise<T> {
      const caller = keyGenerator(request)
      let isWrong = false
      await limiter.consume(caller).catch(refuse)
      try {
        const { isRight, answer } = await guess()
        isWrong = !isRight
        return answer
      } finally {
        if (!isWrong) await limiter.reward(caller)
      }
    },
  }
}

function refuse(error: unknown): never {
  if (!(error instanceof RateLimiterRes)) throw error
  const seconds = Math.max(1, Math.ceil(error.msBeforeNext / 1_000))
  throw new PublicError({
    status: 429,
    code: 'rate_limited',
    title: 'Too many requests.',
    detail: `Too many of the codes that were sent are not valid. Wait ${seconds} s.`,
    headers: { 'retry-after': String(seconds) },
  })
}

declare module 'fastify' {
  interface FastifyInstance {
    guessLimit: ReturnType<typeof createGuessLimit>
  }
}

const guessLimit: FastifyPluginAsync<GuessLimitOptions> = async (app, options) => {
  app.decorate('guessLimit', createGuessLimit(options))
}

export default fp(guessLimit, { name: 'guess-limit', fastify: '5.x' })
