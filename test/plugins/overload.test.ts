import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { caller } from '../../local-cloud/directory.ts'
import { startApp } from '../helpers/app.ts'
import { startCloud } from '../helpers/cloud.ts'
import { assertProblem } from '../helpers/problem.ts'
import { eventually } from '../helpers/processes.ts'

const cloud = await startCloud()
const headersOf = async (...who: Parameters<typeof cloud.tokens.forApi>) => ({
  authorization: `Bearer ${await cloud.tokens.forApi(...who)}`,
})
const one = await headersOf(caller)
const another = await headersOf(caller, { azp: 'another-client' })

describe('an endpoint with all its places taken', () => {
  test('takes more for a moment, then refuses at once, keeps places for others, and takes nothing from other endpoints', async (t) => {
    const app = await startApp(t, cloud, { MAX_CONCURRENT_REQUESTS: '6' })
    // An injection of its own begins only when somebody waits for it.
    const getcode = async (headers = one) => await app.inject({ url: '/api/v1/getcode', headers })
    const statusesOf = async (answers: Array<ReturnType<typeof getcode>>) =>
      (await Promise.all(answers)).map(({ statusCode }) => statusCode).sort()
    // Twice each, so that their tokens are served from memory, and in the order in which they come.
    for (const headers of [one, another, one, another]) assert.equal((await getcode(headers)).statusCode, 200)
    assert.deepEqual(await statusesOf(Array.from({ length: 27 }, () => getcode())), [
      ...Array(25).fill(200),
      ...Array(2).fill(503),
    ])

    cloud.faults.set('numberApi', { latencyMs: 2_500 })
    t.after(() => cloud.faults.clear())
    const early = Array.from({ length: 5 }, () => getcode())
    await sleep(600)
    const startedAt = performance.now()
    const flood = Array.from({ length: 4 }, () => getcode())
    const other = getcode(another)
    await sleep(600)
    const tooMany = await getcode(another)
    assertProblem(tooMany, { status: 503, code: 'overloaded' })
    assert.equal(tooMany.headers['retry-after'], '1')
    const body = { code: 'abc-1-def' }
    const verified = await app.inject({ url: '/api/v1/codes/verify', method: 'POST', headers: another, body })
    assert.equal(verified.statusCode, 200)
    assert.deepEqual(await statusesOf(flood), [503, 503, 503, 503])
    assert.ok(performance.now() - startedAt < 1_800, 'none of that waited')

    assert.deepEqual(await statusesOf([...early, other]), Array(6).fill(200))
    cloud.faults.clear()
    assert.equal((await getcode()).statusCode, 200)
  })

  test('has a place again when a caller hangs up', async (t) => {
    const app = await startApp(t, cloud, { MAX_CONCURRENT_REQUESTS: '1' })
    const url = `${await app.listen({ port: 0 })}/api/v1/getcode`
    assert.equal((await fetch(url, { headers: one })).status, 200)
    cloud.faults.set('numberApi', { latencyMs: 4_000 })
    t.after(() => cloud.faults.clear())
    const hangUp = new AbortController()
    const gone = fetch(url, { headers: one, signal: hangUp.signal }).catch(() => undefined)
    await sleep(600)
    assert.equal((await fetch(url, { headers: one })).status, 503)
    hangUp.abort()
    await gone
    cloud.faults.clear()
    await eventually(async () => (await fetch(url, { headers: one })).status === 200, 'the place is free', 2_000)
  })

  test('lets small callers in beside one who takes all he can', async (t) => {
    const app = await startApp(t, cloud, { MAX_CONCURRENT_REQUESTS: '12' })
    const getcode = async (headers: typeof one) => await app.inject({ url: '/api/v1/getcode', headers })
    for (const headers of [one, another, one, another]) assert.equal((await getcode(headers)).statusCode, 200)
    cloud.faults.set('numberApi', { latencyMs: 2_000 })
    t.after(() => cloud.faults.clear())
    const greedy = Array.from({ length: 40 }, () => getcode(one))
    await sleep(700)
    assert.equal((await getcode(one)).statusCode, 503)
    cloud.faults.clear()
    assert.equal((await getcode(another)).statusCode, 200)
    await Promise.all(greedy)
  })

  test('keeps no place for callers who hung up before they got one', async (t) => {
    cloud.faults.set('entra', { latencyMs: 1_200 })
    t.after(() => cloud.faults.clear())
    // Every token waits for the keys.
    const app = await startApp(t, cloud, { MAX_CONCURRENT_REQUESTS: '1' })
    const url = `${await app.listen({ port: 0 })}/api/v1/getcode`
    const hangUp = new AbortController()
    const gone = Array.from({ length: 8 }, () =>
      fetch(url, { headers: one, signal: hangUp.signal }).catch(() => undefined),
    )
    await sleep(200)
    hangUp.abort()
    await Promise.all(gone)
    await app.entraAuth.assertReady()
    await sleep(700)
    assert.equal((await fetch(url, { headers: one })).status, 200)
  })
})
