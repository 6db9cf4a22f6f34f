import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import type { RateLimiterMemory } from 'rate-limiter-flexible'
import { PublicError } from '../errors.ts'

const MINUTE_SECONDS = 60

interface GuessLimitOptions {
  /** Wrong guesses that each caller has in a minute. */
  maxPerMinute: number
  /** Which requests come from the same caller. */
  keyGenerator: (request: FastifyRequest) => string
}

/** Ends the search for something secret by trying: who was wrong too often is not answered for a while, right or wrong. */
function createGuessLimit({ maxPerMinute, keyGenerator }: GuessLimitOptions) {
  let counter: Promise<RateLimiterMemory> | undefined
  const pending = new Map<string, number>()

  /** Loaded with the first guess: the library comes with a client for every database. */
  async function openCounter(): Promise<RateLimiterMemory> {
    const { RateLimiterMemory } = await import('rate-limiter-flexible')
    return new RateLimiterMemory({ points: maxPerMinute, duration: MINUTE_SECONDS })
  }

  return {
    /**
     * Lets a caller guess. Only a wrong guess counts.
     * @param guess returns whether it was right
     * @throws {PublicError} 429 `rate_limited`, with `retry-after`
     */
    async guess<T>(request: FastifyRequest, guess: () => Promise<{ isRight: boolean; answer: T }>): Promise<T> {
      const caller = keyGenerator(request)
      counter ??= openCounter()
      const wrong = await counter
      const known = await wrong.get(caller)
      // Those that are not answered yet may all be wrong: many at once get no further than one after the other. Nothing may
      // be waited for between the look and the count.
      const underWay = pending.get(caller) ?? 0
      if ((known?.consumedPoints ?? 0) + underWay >= maxPerMinute) throw tooManyGuesses(known?.msBeforeNext ?? 0)
      pending.set(caller, underWay + 1)
      try {
        const { isRight, answer } = await guess()
        if (!isRight) await wrong.penalty(caller)
        return answer
      } finally {
        const left = (pending.get(caller) ?? 1) - 1
        if (left === 0) pending.delete(caller)
        else pending.set(caller, left)
      }
    },
  }
}

function tooManyGuesses(waitMs: number): PublicError {
  const seconds = Math.max(1, Math.ceil(waitMs / 1_000))
  return new PublicError({
    status: 429,
    code: 'rate_limited',
    title: 'Too many requests.',
    detail: `Too many codes at a time, or too many that are not valid. Wait ${seconds} s.`,
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
