import assert from 'node:assert/strict'
import { after, afterEach, beforeEach, describe, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { api, caller } from '../../local-cloud/directory.ts'
import { digestOf, keysOf } from '../../src/codes/code-record.ts'
import { startApp } from '../helpers/app.ts'
import { startCloud } from '../helpers/cloud.ts'
import { assertProblem } from '../helpers/problem.ts'
import { eventually } from '../helpers/processes.ts'
import { startWorker } from '../helpers/worker.ts'

const cloud = await startCloud()
const app = await startApp({ after }, cloud)
await startWorker({ after }, cloud)
const UNKNOWN = 'abc-161-def'

/** Every test calls as an application of its own, so that no test uses up another's wrong guesses. */
let authorization = ''
let callers = 0
async function newCaller(changes: Record<string, unknown> = {}): Promise<string> {
  callers += 1
  return `Bearer ${await cloud.tokens.forApi(caller, { azp: `caller-${callers}`, ...changes })}`
}
beforeEach(async () => {
  authorization = await newCaller()
})
afterEach(() => cloud.faults.clear())

const verify = (code: unknown, from = app, as = authorization) =>
  from.inject({ method: 'POST', url: '/api/v1/codes/verify', headers: { authorization: as }, payload: { code } })

async function getCode(from: FastifyInstance = app): Promise<{ code: string; timestamp: string }> {
  const { code, timestamp } = (await from.inject({ url: '/api/v1/getcode', headers: { authorization } })).json()
  return { code, timestamp }
}

test('a code is valid once the worker has seen it, exactly once', async () => {
  const { code, timestamp } = await getCode()
  const response = await eventually(async () => {
    const answer = await verify(code)
    return answer.json().valid && answer
  }, 'it is valid')
  const expiresAt = new Date(Date.parse(timestamp) + 600_000).toISOString()
  assert.equal(response.body, JSON.stringify({ valid: true, issuedAt: timestamp, expiresAt }))
  assert.equal(response.headers['cache-control'], 'no-store')
  assert.deepEqual((await verify(code)).json(), { valid: false })
})

test('a code is not valid after its lifetime', async (t) => {
  const cloudOfItsOwn = { CODE_LIFETIME_SECONDS: '1', STORAGE_QUEUE_URL: `${cloud.storage.queueUrl}-short` }
  const short = await startApp(t, cloud, cloudOfItsOwn)
  const worker = await startWorker(t, cloud, cloudOfItsOwn)
  await worker.queue.all[0]?.create()
  const { code, timestamp } = await getCode(short)
  await eventually(async () => {
    const metrics = (await worker.inject('/metrics')).body
    return /outcome="made_valid"} 1/.test(metrics) && Date.now() >= Date.parse(timestamp) + 1_000
  }, 'it was valid, and its second is over')
  assert.deepEqual((await verify(code, short)).json(), { valid: false })
  await eventually(async () => /outcome="ended"} 1/.test((await worker.inject('/metrics')).body), 'the worker ended it')
  assert.equal(await worker.queue.countMessages(), 0)
})

test('whatever is not valid gets the same answer', async () => {
  for (const code of [UNKNOWN, '', 'x', "' or 1 eq 1", 'ABC-1-DEF ', '../secrets', '🎉', 'a'.repeat(10_000)]) {
    const response = await verify(code)
    assert.deepEqual([response.statusCode, response.body], [200, '{"valid":false}'], code.slice(0, 20))
  }
})

test('a refusal does not leave at once, so that its time tells nothing', async () => {
  for (const code of [UNKNOWN, 'no code at all']) {
    const since = performance.now()
    await verify(code)
    assert.ok(performance.now() - since >= 49, `${code}: ${performance.now() - since} ms`)
  }
})

test('a body without a code is refused with what is wrong', async () => {
  for (const payload of [{}, { code: 161 }, { code: null }, { code: ['x'] }, [], 'text']) {
    const response = await app.inject({
      method: 'POST',
      url: '/api/v1/codes/verify',
      headers: { authorization, 'content-type': 'application/json' },
      payload: JSON.stringify(payload),
    })
    assertProblem(response, { status: 400, code: 'request_invalid' })
  }
})

test('only apps with Codes.Verify may ask, and the body of others is not even read', async () => {
  const rows: Array<[string, number, string]> = [
    [await newCaller({ roles: ['Codes.Issue'] }), 403, 'role_missing'],
    [await newCaller({ roles: undefined }), 403, 'role_missing'],
    [`Bearer ${await cloud.tokens.mint({ as: 'user' })}`, 403, 'caller_not_allowed'],
    ['', 401, 'token_missing'],
  ]
  for (const [as, status, code] of rows) {
    const response = await app.inject({
      method: 'POST',
      url: '/api/v1/codes/verify',
      headers: { 'content-type': 'application/json', ...(as !== '' && { authorization: as }) },
      payload: '{ no JSON',
    })
    assertProblem(response, { status, code })
  }
  assert.ok(api.appRoles.includes('Codes.Verify'))
})

describe('a caller who is wrong too often', () => {
  test('is not answered for a while, right or wrong, and no other caller suffers', async () => {
    const { code } = await getCode()
    for (let round = 0; round < 5; round += 1) {
      const answers = await Promise.all(Array.from({ length: 20 }, () => verify(UNKNOWN)))
      for (const answer of answers) assert.deepEqual(answer.json(), { valid: false })
    }
    for (const guess of [UNKNOWN, code, 'malformed']) {
      const refused = await verify(guess)
      assertProblem(refused, { status: 429, code: 'rate_limited' })
      const seconds = Number(refused.headers['retry-after'])
      assert.ok(seconds > 0 && seconds <= 60)
    }
    const other = await newCaller()
    assert.equal((await verify(code, app, other)).json().valid, true)
  })

  test('does not get further with many guesses at once', async () => {
    const answers = await Promise.all(Array.from({ length: 250 }, () => verify(UNKNOWN)))
    assert.equal(answers.filter(({ statusCode }) => statusCode === 200).length, 100)
  })

  test('is not one who is right many times at once: what is too much is asked for again', async (t) => {
    const busy = await startApp(t, cloud, { RATE_LIMIT_PER_MINUTE: '10000' })
    const codes = await Promise.all(Array.from({ length: 130 }, () => getCode(busy)))
    await Promise.all(codes.map(untilValid))
    const answers = await Promise.all(codes.map(({ code }) => verify(code, busy)))
    assert.equal(answers.filter((answer) => answer.json().valid).length, 100)
    const refused = codes.filter((_, index) => answers[index]?.statusCode === 429)
    for (const { code } of refused) assert.equal((await verify(code, busy)).json().valid, true)
  })

  test('is not one who is right', async (t) => {
    const busy = await startApp(t, cloud, { RATE_LIMIT_PER_MINUTE: '10000' })
    const codes = await Promise.all(Array.from({ length: 120 }, () => getCode(busy)))
    await Promise.all(codes.map(untilValid))
    for (const { code } of codes) assert.equal((await verify(code, busy)).json().valid, true)
  })
})

describe('when the table', () => {
  test('does not listen: 503 codes_unavailable, which is no wrong guess', async (t) => {
    const cut = await startApp(t, cloud, { CODES_TABLE_URL: 'https://localhost:9/devstoreaccount1/codes' })
    const response = await verify(UNKNOWN, cut)
    assertProblem(response, { status: 503, code: 'codes_unavailable' })
    assert.ok(Number(response.headers['retry-after']) > 0)
    const ready = await cut.inject('/readyz')
    assert.equal(ready.statusCode, 503)
    assert.equal(ready.json().checks.table, 'unavailable')
    assert.equal((await cut.inject({ url: '/api/v1/getcode', headers: { authorization } })).statusCode, 200)
  })

  test('does not exist: 503 codes_unavailable', async (t) => {
    const missing = await startApp(t, cloud, { CODES_TABLE_URL: cloud.storage.tableUrl.replace('codes', 'missing') })
    assertProblem(await verify(UNKNOWN, missing), { status: 503, code: 'codes_unavailable' })
  })

  test('says nothing: 503 codes_unavailable within its deadline, and it recovers', async () => {
    cloud.storage.pause()
    try {
      assertProblem(await verify(UNKNOWN), { status: 503, code: 'codes_unavailable' })
    } finally {
      cloud.storage.resume()
    }
    assert.equal((await verify(UNKNOWN)).statusCode, 200)
  })
})

/** The worker is not told to hurry, and a verification that comes too early is a wrong guess. */
async function untilValid({ code }: { code: string }): Promise<void> {
  await eventually(() => app.codesTable.find(keysOf(digestOf(code))), `${code} is valid`)
}
