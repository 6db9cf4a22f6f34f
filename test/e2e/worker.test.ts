import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { caller } from '../../local-cloud/directory.ts'
import { digestOf } from '../../src/codes/code-record.ts'
import { startApp } from '../helpers/app.ts'
import { startCloud } from '../helpers/cloud.ts'
import { eventually, freePort, run } from '../helpers/processes.ts'
import { startWorkerProcess } from '../helpers/worker.ts'

const cloud = await startCloud()
const app = await startApp({ after }, cloud)
const authorization = `Bearer ${await cloud.tokens.forApi(caller)}`

test('works without a port, and tells its health and what it did on one of its own', async (t) => {
  const port = await freePort()
  const env = { METRICS_PORT: String(port), LOG_LEVEL: 'trace', CODE_LIFETIME_SECONDS: '1' }
  const worker = startWorkerProcess(t, cloud, env)
  const { code } = (await app.inject({ url: '/api/v1/getcode', headers: { authorization } })).json()
  await app.queue.all[0]?.sendRawMessage('garbage that nobody can read')
  const metrics = () => fetch(`http://127.0.0.1:${port}/metrics`).then((response) => response.text())
  const text = await eventually(async () => {
    const current = await metrics().catch(() => '')
    // What the queue says is kept for some seconds.
    return /outcome="ended"} 1/.test(current) && /^codes_oldest_message_age_seconds.* 0$/m.test(current) && current
  }, `ends the code: ${worker.output()}`)
  for (const line of [
    'codes_messages_total{queue="code-requests",outcome="made_valid"} 1',
    'codes_messages_total{queue="code-requests",outcome="poisoned"} 1',
    'codes_failures_total 0',
    'codes_oldest_message_age_seconds{queue="code-requests"} 0',
  ]) {
    assert.ok(text.includes(line), `${line}\n${text}`)
  }
  const ready = await eventually(async () => {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`)
    return response.status === 200 && response
  }, 'is ready')
  assert.deepEqual(await ready.json(), { status: 'ready', checks: { queue: 'ok', table: 'ok', worker: 'ok' } })
  assert.equal((await fetch(`http://127.0.0.1:${port}/healthz`)).status, 200)

  worker.child.kill('SIGTERM')
  assert.equal(await worker.exited, 0)
  for (const secret of [code, digestOf(code), 'garbage that nobody can read', 'Bearer']) {
    assert.ok(!worker.output().includes(secret), `${secret} in ${worker.output()}`)
  }
})

test('says what is not ready while the storage account is silent, and recovers', async (t) => {
  const port = await freePort()
  startWorkerProcess(t, cloud, { METRICS_PORT: String(port), LOG_LEVEL: 'warn' })
  const ready = async () => {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined)
    return response && { status: response.status, body: await response.json() }
  }
  await eventually(async () => (await ready())?.status === 200, 'is ready')
  cloud.storage.pause()
  try {
    const answer = await eventually(async () => {
      const current = await ready()
      return current?.status === 503 && current
    }, 'is not ready')
    assert.equal(Object(answer.body).checks.queue, 'unavailable')
    assert.match(
      await (await fetch(`http://127.0.0.1:${port}/metrics`)).text(),
      /codes_oldest_message_age_seconds\{queue="code-requests"\} Nan/i,
    )
  } finally {
    cloud.storage.resume()
  }
  await eventually(async () => (await ready())?.status === 200, 'is ready again')
})

test('names every fault of its configuration and asks for nothing that it does not need', async (t) => {
  const { PATH } = process.env
  const { status, output } = await run(t, process.execPath, ['src/worker.ts'], {
    env: { PATH, CODE_LIFETIME_SECONDS: '0', WORKER_IDLE_POLL_MS: 'often', METRICS_PORT: '70000' },
  })
  assert.equal(status, 78)
  for (const variable of [
    'STORAGE_QUEUE_URL is missing',
    'CODES_TABLE_URL is missing',
    'CODE_LIFETIME_SECONDS is not',
    'WORKER_IDLE_POLL_MS is not',
    'METRICS_PORT is not',
    '.env.example',
  ]) {
    assert.ok(output.includes(variable), `${variable} in ${output}`)
  }
  assert.ok(!output.includes('ENTRA_'))
})
