import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { caller } from '../../local-cloud/directory.ts'
import type { Fault } from '../../local-cloud/faults.ts'
import { parseRetryAfter } from '../../src/plugins/outside-calls.ts'
import { startApp } from '../helpers/app.ts'
import { startCloud } from '../helpers/cloud.ts'
import { assertProblem } from '../helpers/problem.ts'
import { eventually } from '../helpers/processes.ts'

const cloud = await startCloud()
const headers = { authorization: `Bearer ${await cloud.tokens.forApi(caller)}` }
const fails = (times: number, status = 503, answerHeaders = {}): Fault => ({
  answer: { status, body: '', headers: answerHeaders },
  times,
})

for (const [url, part, prefix] of [
  ['/api/v1/getcode', 'numberApi', 'number_api'],
  ['/api/v1/hello-graph', 'graph', 'graph'],
] as const) {
  describe(`GET ${url}, when its neighbour`, () => {
    test('fails twice: is asked a third time, and the caller is served', async (t) => {
      const app = await startApp(t, cloud)
      for (const fault of [fails(2), fails(2, 500), { outage: true, times: 2 }]) {
        cloud.faults.set(part, fault)
        assert.equal((await app.inject({ url, headers })).statusCode, 200, JSON.stringify(fault))
      }
    })

    test('says when to come back: is asked then and not before', async (t) => {
      const app = await startApp(t, cloud)
      assert.equal((await app.inject({ url, headers })).statusCode, 200)
      cloud.faults.set(part, fails(1, 429, { 'retry-after': '1' }))
      const startedAt = performance.now()
      assert.equal((await app.inject({ url, headers })).statusCode, 200)
      assert.ok(performance.now() - startedAt >= 1_000)
    })

    test('wants more time than there is: the caller is told at once', async (t) => {
      const app = await startApp(t, cloud)
      cloud.faults.set(part, fails(1, 429, { 'retry-after': '60' }))
      const startedAt = performance.now()
      const problem = assertProblem(await app.inject({ url, headers }), { status: 502, code: `${prefix}_failed` })
      assert.equal(problem['upstreamStatus'], 429)
      assert.ok(performance.now() - startedAt < 5_000)
    })

    test('answers what no second try would change: is asked once', async (t) => {
      const app = await startApp(t, cloud)
      cloud.faults.set(part, fails(1, 404))
      assertProblem(await app.inject({ url, headers }), { status: 502, code: `${prefix}_failed` })
      assert.equal((await app.inject({ url, headers })).statusCode, 200)
    })

    test('fails for many: callers are refused at once with 503, and it recovers by itself', async (t) => {
      const app = await startApp(t, cloud)
      const statuses = async (count: number) => {
        const answers = await Promise.all(Array.from({ length: count }, async () => await app.inject({ url, headers })))
        return answers.map(({ statusCode }) => statusCode)
      }
      cloud.faults.set(part, { answer: { status: 500, body: '', headers: {} } })
      t.after(() => cloud.faults.clear())
      await eventually(async () => (await statuses(30)).includes(503), 'callers are refused at once')
      const startedAt = performance.now()
      const refused = await app.inject({ url, headers })
      assertProblem(refused, { status: 503, code: `${prefix}_unavailable` })
      assert.equal(refused.headers['retry-after'], '2')
      assert.ok(performance.now() - startedAt < 1_000)

      cloud.faults.clear()
      await sleep(2_000)
      await eventually(async () => (await app.inject({ url, headers })).statusCode === 200, 'recovers', 8_000)
      assert.deepEqual(await statuses(3), [200, 200, 200])
    })
  })
}

test('a request has 15 s for all of its neighbours together, whatever each may take', async (t) => {
  const app = await startApp(t, cloud, { THIRD_PARTY_API_TIMEOUT_MS: '60000' })
  assert.equal((await app.inject({ url: '/api/v1/getcode', headers })).statusCode, 200)
  cloud.faults.set('numberApi', { silence: true })
  t.after(() => cloud.faults.clear())
  const startedAt = performance.now()
  assertProblem(await app.inject({ url: '/api/v1/getcode', headers }), { status: 504, code: 'number_api_timeout' })
  const tookMs = performance.now() - startedAt
  assert.ok(tookMs > 14_000 && tookMs < 18_000, `${tookMs} ms`)
})

test('Retry-After is seconds or a date', () => {
  const now = Date.parse('2026-11-21T12:00:00Z')
  assert.equal(parseRetryAfter('3', now), 3_000)
  assert.equal(parseRetryAfter('Sat, 21 Nov 2026 12:00:02 GMT', now), 2_000)
  assert.equal(parseRetryAfter('Sat, 21 Nov 2026 11:00:00 GMT', now), 0)
  for (const value of [undefined, '', 'soon']) assert.equal(parseRetryAfter(value, now), undefined, value)
})
