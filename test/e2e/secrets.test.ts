import assert from 'node:assert/strict'
import { test } from 'node:test'
import { caller } from '../../local-cloud/directory.ts'
import { digestOf } from '../../src/codes/code-record.ts'
import { startCloud } from '../helpers/cloud.ts'
import { startOtlpReceiver } from '../helpers/otlp-receiver.ts'
import { eventually, freePort } from '../helpers/processes.ts'
import { fetchToken, startService } from '../helpers/service.ts'
import { startWorkerProcess } from '../helpers/worker.ts'

const cloud = await startCloud()

test('no token, key, header, code or digest of one is in anything that the API and the worker say of themselves', async (t) => {
  const [metricsPort, workerPort] = [await freePort(), await freePort()]
  const collector = await startOtlpReceiver(t)
  const env = { LOG_LEVEL: 'trace', OTEL_EXPORTER_OTLP_ENDPOINT: collector.url }
  const service = await startService(t, cloud, { ...env, METRICS_PORT: String(metricsPort) })
  const worker = startWorkerProcess(t, cloud, { ...env, METRICS_PORT: String(workerPort) })
  const scrape = (port: number) => fetch(`http://127.0.0.1:${port}/metrics`).then((response) => response.text())

  const token = await fetchToken(cloud)
  const forged = await cloud.tokens.forApi(caller, {}, { kid: 'unknown' })
  const user = await cloud.tokens.mint({ as: 'user' })
  const keys = [cloud.secrets.get('number-api-key')?.value ?? '', cloud.secrets.get('api-client-secret')?.value ?? '']
  const codes: string[] = []
  const call = async (path: string, bearer = token, body?: string) => {
    const headers = { authorization: `Bearer ${bearer}`, ...(body && { 'content-type': 'application/json' }) }
    const response = await fetch(service.url + path, { headers, ...(body && { method: 'POST', body }) })
    return Object(await response.json())
  }
  const getcode = async (query = '', bearer = token) => {
    const { code } = await call(`/api/v1/getcode${query}`, bearer)
    if (code !== undefined && /^\w{3}-/.test(code)) codes.push(code)
  }

  await getcode()
  await getcode(`?access_token=${token}`)
  await getcode('', forged)
  for (const part of ['numberApi', 'keyVault'] as const) {
    for (const fault of [{ outage: true }, { answer: { status: 500 } }, { answer: { status: 401 } }]) {
      cloud.faults.set(part, fault)
      if (part === 'keyVault') cloud.rotateNumberApiKey()
      keys.push(cloud.secrets.get('number-api-key')?.value ?? '')
      await getcode()
      cloud.faults.clear()
    }
  }
  for (const fault of [{}, { outage: true }, { answer: { status: 403 } }]) {
    cloud.faults.set('graph', fault)
    for (const bearer of [token, user]) await call('/api/v1/hello-graph', bearer)
    cloud.faults.clear()
  }
  await getcode()
  const isValid = async () => (await call('/api/v1/codes/verify', token, JSON.stringify({ code: codes[0] }))).valid
  await eventually(isValid, `the worker makes the code valid: ${worker.output()}`)
  await call('/api/v1/codes/verify', token, JSON.stringify({ code: token }))

  const metrics = [await scrape(metricsPort), await scrape(workerPort)]
  for (const { child } of [service, worker]) child.kill('SIGTERM')
  assert.deepEqual(await Promise.all([service.exited, worker.exited]), [0, 0])

  const log = service.output()
  assert.ok(codes.length >= 3, `codes were issued: ${codes.length}`)
  for (const said of ['"msg":"served"', 'secret_unavailable', 'number_api_failed', 'code_issued', 'code_verified']) {
    assert.ok(log.includes(said), `${said} in ${log}`)
  }
  for (const name of ['GET /api/v1/getcode', 'TableClient.getEntity', 'vault', 'make valid']) {
    assert.ok(
      collector.spans.some((span) => span.name === name),
      `a span ${name}`,
    )
  }
  const secrets = [
    ...codes,
    ...codes.map(digestOf),
    ...keys,
    ...[token, forged, user].flatMap((jwt) => jwt.split('.')),
    cloud.serviceEnv.IDENTITY_HEADER,
  ]
  for (const said of [log, worker.output(), ...metrics, collector.text()]) {
    for (const secret of secrets) assert.ok(!said.includes(secret), `${secret.slice(0, 12)}… in ${said}`)
    assert.doesNotMatch(said, /eyJ[A-Za-z0-9_-]{20,}/, 'something like a token')
    assert.doesNotMatch(said, /Bearer ey|x-functions-key/i)
  }
  for (const line of log.trim().split('\n')) assert.doesNotThrow(() => JSON.parse(line), line)
})
