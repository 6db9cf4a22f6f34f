import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { after, afterEach, describe, test } from 'node:test'
import { Value } from 'typebox/value'
import { caller } from '../../local-cloud/directory.ts'
import type { Fault } from '../../local-cloud/faults.ts'
import { IssuedCode } from '../../src/codes/code.ts'
import { startApp } from '../helpers/app.ts'
import { startCloud } from '../helpers/cloud.ts'
import { assertProblem } from '../helpers/problem.ts'

const cloud = await startCloud()
const app = await startApp({ after }, cloud, { THIRD_PARTY_API_TIMEOUT_MS: '400' })
const headers = { authorization: `Bearer ${await cloud.tokens.forApi(caller)}` }
const peekTexts = async (from = app) => (await from.queue.peekMessages(32)).map(({ text }) => text)
const getcode = (from = app) => from.inject({ url: '/api/v1/getcode', headers })

afterEach(async () => {
  cloud.faults.clear()
  await app.queue.clearMessages()
})

test('gives a caller with Codes.Issue a code and queues the same code', async () => {
  const response = await getcode()
  assert.equal(response.statusCode, 200)
  assert.equal(response.headers['cache-control'], 'no-store')
  assert.equal(response.headers['content-type'], 'application/json; charset=utf-8')
  const issued = response.json()
  assert.ok(Value.Check(IssuedCode, issued), response.body)
  assert.deepEqual(Object.keys(issued), ['code', 'timestamp'])
  assert.ok(Math.abs(Date.parse(issued.timestamp) - Date.now()) < 60_000)
  assert.deepEqual(await peekTexts(app), [response.body])
})

test('gives 300 callers 300 different codes, all on the queue', async (t) => {
  const patient = await startApp(t, cloud)
  const codes = new Set<string>()
  for (let i = 0; i < 300; i += 20) {
    const responses = await Promise.all(Array.from({ length: 20 }, () => getcode(patient)))
    for (const response of responses) {
      assert.equal(response.statusCode, 200, response.body)
      codes.add(response.json().code)
    }
  }
  assert.equal(codes.size, 300)
  assert.equal(await app.queue.countMessages(), 300)
})

test('writes base64 where the queue is read by Azure Functions', async (t) => {
  const base64 = await startApp(t, cloud, { STORAGE_QUEUE_MESSAGE_ENCODING: 'base64' })
  const response = await getcode(base64)
  const [message = ''] = await peekTexts(base64)
  assert.equal(Buffer.from(message, 'base64').toString(), response.body)
})

test('gives no code for a HEAD request, and says which methods there are', async () => {
  for (const method of ['HEAD', 'POST', 'PUT', 'DELETE', 'OPTIONS'] as const) {
    const response = await app.inject({ method, url: '/api/v1/getcode', headers })
    assert.equal(response.statusCode, 405, method)
    assert.equal(response.headers['allow'], 'GET')
  }
  assert.equal(await app.queue.countMessages(), 0)
})

test('limits each caller to its requests a minute, and no other caller by them', async (t) => {
  const limited = await startApp(t, cloud, { RATE_LIMIT_PER_MINUTE: '3' })
  const other = { authorization: `Bearer ${await cloud.tokens.forApi(caller, { azp: 'other-client' })}` }
  for (let i = 0; i < 3; i += 1) assert.equal((await getcode(limited)).statusCode, 200)
  const refused = await getcode(limited)
  assertProblem(refused, { status: 429, code: 'rate_limited' })
  assert.ok(Number(refused.headers['retry-after']) > 0)
  assert.equal(refused.headers['ratelimit-limit'], '3')
  assert.equal((await limited.inject({ url: '/api/v1/getcode', headers: other })).statusCode, 200)
})

test('limits each person to their requests a minute, and not whoever uses the same application', async (t) => {
  const limited = await startApp(t, cloud, { RATE_LIMIT_PER_MINUTE: '2' })
  const as = async (oid: string) => {
    const person = { idtyp: undefined, roles: undefined, scp: 'user_impersonation', sub: `sub-${oid}`, oid }
    const authorization = `Bearer ${await cloud.tokens.forApi(caller, person)}`
    return async () => (await limited.inject({ url: '/api/v1/getcode', headers: { authorization } })).statusCode
  }
  const [one, other] = [await as('person-1'), await as('person-2')]
  assert.deepEqual([await one(), await one(), await one(), await other()], [200, 200, 429, 200])
})

describe('when the number API', () => {
  const answer = (status: number, body = ''): Fault => ({
    answer: { status, body, headers: { 'content-type': 'application/json' } },
  })
  const faults: Array<[what: string, fault: Fault, status: number, code: string, upstreamStatus?: number]> = [
    ['answers 500', answer(500, 'oops'), 502, 'number_api_failed', 500],
    ['answers 401 to the key', answer(401), 502, 'number_api_failed', 401],
    ['answers 403 to the key', answer(403), 502, 'number_api_failed', 403],
    ['answers 404', answer(404), 502, 'number_api_failed', 404],
    ['answers 429', answer(429), 502, 'number_api_failed', 429],
    ['answers 204', answer(204), 502, 'number_api_failed', 204],
    [
      'redirects',
      { answer: { status: 302, headers: { location: 'https://evil.example/' } } },
      502,
      'number_api_failed',
      302,
    ],
    ['answers garbage', answer(200, '<html>'), 502, 'number_api_invalid'],
    ['answers nothing', answer(200, ''), 502, 'number_api_invalid'],
    ['answers a list', answer(200, '[1]'), 502, 'number_api_invalid'],
    ['answers null', answer(200, 'null'), 502, 'number_api_invalid'],
    ['answers without a value', answer(200, '{"number":1}'), 502, 'number_api_invalid'],
    ['answers a text', answer(200, '{"value":"161"}'), 502, 'number_api_invalid'],
    ['answers a fraction', answer(200, '{"value":1.5}'), 502, 'number_api_invalid'],
    ['answers less than zero', answer(200, '{"value":-1}'), 502, 'number_api_invalid'],
    ['answers more than a number holds', answer(200, '{"value":1e300}'), 502, 'number_api_invalid'],
    ['answers with a megabyte', answer(200, ' '.repeat(1_048_576)), 502, 'number_api_invalid'],
    ['hangs up', { outage: true }, 502, 'number_api_failed'],
    ['says nothing', { silence: true }, 504, 'number_api_timeout'],
    ['is slower than its time', { latencyMs: 600 }, 504, 'number_api_timeout'],
  ]
  for (const [what, fault, status, code, upstreamStatus] of faults) {
    test(`${what}: ${status} ${code}, and nothing on the queue`, async () => {
      cloud.faults.set('numberApi', fault)
      const problem = assertProblem(await getcode(), { status, code })
      assert.equal(problem['title'], 'Could not get you a code.')
      assert.equal(problem['upstreamStatus'], upstreamStatus)
      assert.equal(await app.queue.countMessages(), 0)
      cloud.faults.clear()
      assert.equal((await getcode()).statusCode, 200, 'it recovers by itself')
    })
  }

  test('drips its answer for longer than its time: 504 number_api_timeout', async (t) => {
    const drip: RequestListener = (_request, response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write(' '), 50)
      response.on('close', () => clearInterval(timer))
    }
    const slow = createServer(drip)
    t.after(() => slow.closeAllConnections())
    t.after(() => slow.close())
    await once(slow.listen(0, '127.0.0.1'), 'listening')
    const address = slow.address()
    assert.ok(typeof address === 'object' && address !== null)
    const dripped = await startApp(t, cloud, {
      THIRD_PARTY_API_ENDPOINT: `http://127.0.0.1:${address.port}/api`,
      THIRD_PARTY_API_TIMEOUT_MS: '300',
    })
    assertProblem(await getcode(dripped), { status: 504, code: 'number_api_timeout' })
  })

  test('does not listen at all: 502 number_api_failed', async (t) => {
    const unreachable = await startApp(t, cloud, { THIRD_PARTY_API_ENDPOINT: 'http://127.0.0.1:9/api' })
    assertProblem(await getcode(unreachable), { status: 502, code: 'number_api_failed' })
  })

  test('rotates its key: the service takes the new one from the vault, without a restart', async () => {
    cloud.rotateNumberApiKey()
    assert.equal((await getcode()).statusCode, 200)
    cloud.rotateNumberApiKey()
    const together = await Promise.all(Array.from({ length: 10 }, () => getcode()))
    assert.ok(together.every(({ statusCode }) => statusCode === 200))
  })

  test('rotates its key and the vault has not the new one yet: 502, then served once it has', async () => {
    cloud.rotateNumberApiKey({ inVault: false })
    assert.equal(assertProblem(await getcode(), { status: 502, code: 'number_api_failed' })['upstreamStatus'], 401)
    cloud.rotateNumberApiKey()
    assert.equal((await getcode()).statusCode, 200)
  })

  test('rotates its key while the vault is down: 503 secret_unavailable', async () => {
    cloud.rotateNumberApiKey()
    cloud.faults.set('keyVault', { outage: true })
    const response = await getcode()
    assertProblem(response, { status: 503, code: 'secret_unavailable' })
    assert.ok(Number(response.headers['retry-after']) > 0)
    cloud.faults.clear()
    assert.equal((await getcode()).statusCode, 200)
  })
})

describe('when Key Vault', () => {
  const unavailable: Array<[what: string, fault: Fault]> = [
    ['is down', { outage: true }],
    ['answers 500', { answer: { status: 500 } }],
    ['answers 403', { answer: { status: 403, body: '{"error":{"code":"Forbidden","message":"no"}}' } }],
    ['answers garbage', { answer: { status: 200, body: '<html>' } }],
    ['throttles', { answer: { status: 429, headers: { 'retry-after': '1' } } }],
  ]
  for (const [what, fault] of unavailable) {
    test(`${what} from the start: 503 secret_unavailable, no code, and it recovers`, async (t) => {
      cloud.faults.set('keyVault', fault)
      const starting = await startApp(t, cloud)
      const response = await getcode(starting)
      assertProblem(response, { status: 503, code: 'secret_unavailable' })
      assert.ok(Number(response.headers['retry-after']) > 0)
      assert.equal(await app.queue.countMessages(), 0)
      cloud.faults.clear()
      assert.equal((await getcode(starting)).statusCode, 200)
    })
  }

  test('goes down later: codes go on with the key in memory', async () => {
    assert.equal((await getcode()).statusCode, 200)
    cloud.faults.set('keyVault', { outage: true })
    assert.equal((await getcode()).statusCode, 200)
  })

  test('has no such secret: 503 secret_unavailable', async (t) => {
    const misnamed = await startApp(t, cloud, { THIRD_PARTY_API_SECRET_NAME: 'misnamed' })
    assertProblem(await getcode(misnamed), { status: 503, code: 'secret_unavailable' })
  })
})

describe('when the queue', () => {
  test('does not listen: 503 queue_unavailable, and no code in the answer', async (t) => {
    const cut = await startApp(t, cloud, { STORAGE_QUEUE_URL: 'https://localhost:9/devstoreaccount1/code-requests' })
    const response = await getcode(cut)
    assertProblem(response, { status: 503, code: 'queue_unavailable' })
    assert.ok(Number(response.headers['retry-after']) > 0)
    assert.doesNotMatch(response.body, /[A-Za-z]{3}-\d+-[A-Za-z]{3}/)
  })

  test('does not exist: 503 queue_unavailable', async (t) => {
    const missing = await startApp(t, cloud, {
      STORAGE_QUEUE_URL: cloud.storage.queueUrl.replace('code-requests', 'missing'),
    })
    assertProblem(await getcode(missing), { status: 503, code: 'queue_unavailable' })
  })

  test('says nothing: 503 queue_unavailable within its deadline, and it recovers', async () => {
    cloud.storage.pause()
    try {
      assertProblem(await getcode(), { status: 503, code: 'queue_unavailable' })
    } finally {
      cloud.storage.resume()
    }
    assert.equal((await getcode()).statusCode, 200)
  })
})

describe('when Entra', () => {
  test('is out of reach from the start: 503 keys_unavailable, never 401, and it recovers by itself', async (t) => {
    cloud.faults.set('entra', { outage: true })
    const starting = await startApp(t, cloud)
    const response = await getcode(starting)
    assertProblem(response, { status: 503, code: 'keys_unavailable' })
    assert.ok(Number(response.headers['retry-after']) > 0)
    assert.equal((await starting.inject('/healthz')).statusCode, 200)
    cloud.faults.clear()
    const deadline = Date.now() + 8_000
    while ((await getcode(starting)).statusCode !== 200) {
      assert.ok(Date.now() < deadline, 'recovers within seconds')
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  })

  test('goes down later: known keys go on, an unknown one gets 503', async (t) => {
    const running = await startApp(t, cloud)
    assert.equal((await getcode(running)).statusCode, 200)
    cloud.faults.set('entra', { answer: { status: 500 } })
    assert.equal((await getcode(running)).statusCode, 200)
    const unknown = await cloud.tokens.forApi(caller, {}, { kid: 'unknown' })
    const response = await running.inject({ url: '/api/v1/getcode', headers: { authorization: `Bearer ${unknown}` } })
    assertProblem(response, { status: 503, code: 'keys_unavailable' })
  })

  test('rotates its keys: a token signed with the new one is accepted at once', async (t) => {
    const running = await startApp(t, cloud)
    assert.equal((await getcode(running)).statusCode, 200)
    await cloud.issuer.rotateKeys()
    const authorization = `Bearer ${await cloud.tokens.forApi(caller)}`
    assert.equal((await running.inject({ url: '/api/v1/getcode', headers: { authorization } })).statusCode, 200)
    assert.equal((await getcode(running)).statusCode, 200, 'the old key is still published')
  })
})
