import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { caller, stranger } from '../../local-cloud/directory.ts'
import { referenceOf } from '../../src/codes/code-record.ts'
import { startCloud } from '../helpers/cloud.ts'
import { readLines } from '../helpers/log-lines.ts'
import { eventually } from '../helpers/processes.ts'
import { fetchToken, startService } from '../helpers/service.ts'
import { startWorkerProcess } from '../helpers/worker.ts'

const TRACEPARENT = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
const cloud = await startCloud()

/** The service, and what its log says of the request with an id. */
async function startLogged(t: TestContext, env: Record<string, string> = {}) {
  const service = await startService(t, cloud, env)
  const linesOf = (id: string) => readLines(service.output()).filter(({ requestId }) => requestId === id)
  return {
    linesOf,
    async ask(path: string, id: string, init: RequestInit & { headers?: Record<string, string> } = {}) {
      const headers = { ...init.headers, 'x-request-id': id }
      const response = await fetch(service.url + path, { ...init, headers })
      return { id: response.headers.get('x-request-id'), status: response.status, body: Object(await response.json()) }
    },
    lineOf: (id: string) => eventually(() => linesOf(id)[0], `a line of ${id}: ${service.output()}`),
  }
}

test('one line says who asked for what, what became of it, and how long each neighbour took', async (t) => {
  const { ask, lineOf, linesOf } = await startLogged(t)
  const token = await fetchToken(cloud)
  const headers = { authorization: `Bearer ${token}`, traceparent: TRACEPARENT }
  const { id, body } = await ask('/api/v1/getcode?access_token=never-logged', 'orders-4711', { headers })
  assert.equal(id, 'orders-4711')
  const { time, durationMs, calls, ...line } = await lineOf('orders-4711')
  const { uti } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
  assert.deepEqual(line, {
    level: 30,
    requestId: 'orders-4711',
    traceId: '4bf92f3577b34da6a3ce929d0e0e4736',
    req: { method: 'GET', path: '/api/v1/getcode', remoteAddress: '127.0.0.1' },
    route: '/api/v1/getcode',
    status: 200,
    caller: { kind: 'app', azp: caller.clientId, tid: cloud.serviceEnv.ENTRA_TENANT_ID, uti },
    audit: 'code_issued',
    codeRef: referenceOf(body.code),
    msg: 'served',
  })
  assert.ok(Math.abs(Date.now() - Number(time)) < 60_000)
  const { number_api: numberApiMs, queue: queueMs } = Object(calls)
  assert.ok(numberApiMs > 0 && queueMs > 0 && numberApiMs + queueMs <= Number(durationMs) + 1, JSON.stringify(calls))
  assert.equal(linesOf('orders-4711').length, 1)
})

test('what the caller waited for a slow neighbour stands beside its name', async (t) => {
  const { ask, lineOf } = await startLogged(t)
  const headers = { authorization: `Bearer ${await fetchToken(cloud)}` }
  cloud.faults.set('numberApi', { latencyMs: 300 })
  t.after(() => cloud.faults.clear())
  await ask('/api/v1/getcode', 'slow-request', { headers })
  const { calls } = await lineOf('slow-request')
  assert.ok(Object(calls).number_api >= 290 && Object(calls).queue < 290, JSON.stringify(calls))
})

test('a code is followed from its issue to its use, by a reference that is not the code', async (t) => {
  const { ask, lineOf } = await startLogged(t)
  startWorkerProcess(t, cloud, { WORKER_IDLE_POLL_MS: '50' })
  const authorization = `Bearer ${await fetchToken(cloud)}`
  const { code } = (await ask('/api/v1/getcode', 'audit-issue', { headers: { authorization } })).body
  let attempts = 0
  await eventually(async () => {
    attempts += 1
    const init = { method: 'POST', body: JSON.stringify({ code }) }
    const headers = { authorization, 'content-type': 'application/json' }
    return (await ask('/api/v1/codes/verify', `audit-verify-${attempts}`, { ...init, headers })).body.valid
  }, 'the code is valid')
  const { codeRef } = await lineOf('audit-issue')
  const verified = await lineOf(`audit-verify-${attempts}`)
  assert.deepEqual([verified['audit'], verified['codeRef']], ['code_verified', codeRef])
  assert.ok(Object(verified['calls']).table > 0, 'a request with a body finds its own calls')
  for (let earlier = 1; earlier < attempts; earlier += 1) {
    assert.equal((await lineOf(`audit-verify-${earlier}`))['audit'], 'code_refused')
  }
})

test('a refusal is one line, with why and what the token claims', async (t) => {
  const { ask, lineOf, linesOf } = await startLogged(t)
  const headers = { authorization: `Bearer ${await cloud.tokens.forApi(stranger)}` }
  await ask('/api/v1/getcode', 'no-role-1', { headers })
  const line = await lineOf('no-role-1')
  assert.deepEqual([line['status'], line['problem'], line['audit']], [403, 'role_missing', 'access_refused'])
  assert.equal(Object(line['caller']).azp, stranger.clientId)
  assert.match(String(line['detail']), /Codes\.Issue/)

  await ask('/api/v1/getcode', 'bad-token-1', { headers: { authorization: `${headers.authorization}x` } })
  const refused = await lineOf('bad-token-1')
  assert.deepEqual([refused['status'], refused['caller']], [401, undefined], 'nothing unverified is called the caller')
  assert.equal(linesOf('no-role-1').length + linesOf('bad-token-1').length, 2)
})

test('LOG_LEVEL=warn keeps what auditors ask for, and leaves out the rest', async (t) => {
  const { ask, lineOf, linesOf } = await startLogged(t, { LOG_LEVEL: 'warn' })
  await ask('/healthz', 'health-check-1')
  await ask('/api/v1/getcode', 'audited-1', { headers: { authorization: `Bearer ${await fetchToken(cloud)}` } })
  assert.equal((await lineOf('audited-1'))['audit'], 'code_issued')
  assert.deepEqual(linesOf('health-check-1'), [])
})

test('an id of the caller that is no id is replaced', async (t) => {
  const { ask } = await startLogged(t)
  for (const id of ['short', `${'x'.repeat(129)}`, 'two words here', '{"json":"injected"}']) {
    const answer = await ask('/nothing-here', id)
    assert.match(String(answer.id), /^[0-9a-f-]{36}$/, id)
    assert.equal(answer.body.requestId, answer.id)
  }
})
