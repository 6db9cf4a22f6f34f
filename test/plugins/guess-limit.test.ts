import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import guessLimit from '../../src/plugins/guess-limit.ts'

test('however many guesses begin in the same moment, no more of them are made than may be wrong', async (t) => {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(guessLimit, { maxPerMinute: 100, keyGenerator: ({ ip }) => ip })
  let made = 0
  app.get('/', async (request) => {
    const guess = async () => {
      made += 1
      await sleep(20)
      return { isRight: false, answer: '' }
    }
    const guesses = Array.from({ length: 500 }, () => app.guessLimit.guess(request, guess))
    const refusals = (await Promise.allSettled(guesses)).filter(({ status }) => status === 'rejected')
    return { refused: refusals.length }
  })
  assert.deepEqual((await app.inject('/')).json(), { refused: 400 })
  assert.equal(made, 100)
})
