import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { gunzipSync } from 'node:zlib'
import { startCloud } from '../helpers/cloud.ts'
import { readLines } from '../helpers/log-lines.ts'
import { startOtlpReceiver } from '../helpers/otlp-receiver.ts'
import { eventually, root, run } from '../helpers/processes.ts'
import { startRecorder } from '../helpers/recorder.ts'
import { fetchToken, SERVER, startService } from '../helpers/service.ts'
import { startWorkerProcess } from '../helpers/worker.ts'

const cloud = await startCloud()
const authorization = `Bearer ${await fetchToken(cloud)}`
const TRACE_ID = '4bf92f3577b34da6a3ce929d0e0e4736'
const CALLER_SPAN_ID = '00f067aa0ba902b7'
const traceparent = `00-${TRACE_ID}-${CALLER_SPAN_ID}-01`
/** Spans are sent soon after they end. */
const SOON = { OTEL_BSP_SCHEDULE_DELAY: '100' }

test('one getcode is one trace, from the caller over the API and the queue to the worker', async (t) => {
  const { url: collector, spans } = await startOtlpReceiver(t)
  const numbers = await startRecorder(t, cloud)
  numbers.answer((response) => response.end('{"value":161}'))
  const env = { OTEL_EXPORTER_OTLP_ENDPOINT: collector, ...SOON }
  const service = await startService(t, cloud, { ...env, THIRD_PARTY_API_ENDPOINT: `${numbers.origin}/api` })
  startWorkerProcess(t, cloud, { ...env, WORKER_IDLE_POLL_MS: '50', OTEL_SERVICE_NAME: 'my-worker' })

  const response = await fetch(`${service.url}/api/v1/getcode`, { headers: { authorization, traceparent } })
  assert.equal(response.status, 200)
  const find = (name: string) => spans.find((span) => span.name === name)
  const [request, step] = await eventually(() => {
    const found = [find('GET /api/v1/getcode'), find('make valid')] as const
    return found[0] && found[1] && ([found[0], found[1]] as const)
  }, `the spans of both: ${service.output()}`)

  assert.deepEqual(
    [request.service, request.kind, request.parentSpanId],
    ['fastify-entra-api', 'server', CALLER_SPAN_ID],
  )
  assert.deepEqual([step.service, step.kind], ['my-worker', 'consumer'])
  for (const span of spans) {
    assert.equal(span.traceId, TRACE_ID, `${span.name} of ${span.service}: nothing else is traced`)
    const hasParent = span.parentSpanId === CALLER_SPAN_ID || spans.some(({ spanId }) => spanId === span.parentSpanId)
    assert.ok(hasParent, `${span.name} of ${span.service} has a parent`)
  }
  for (const name of ['number_api', 'queue', 'table', 'TableClient.createEntity', 'QueueClient-updateMessage']) {
    assert.ok(find(name), `${name} in ${spans.map((span) => span.name)}`)
  }
  const asked = numbers.requests.map(({ headers }) => String(headers['traceparent']))
  assert.ok(
    asked.some((value) => value.startsWith(`00-${TRACE_ID}-`)),
    `the number API is told: ${asked}`,
  )
  const findLine = () => readLines(service.output()).find(({ audit }) => audit === 'code_issued')
  assert.equal((await eventually(findLine, 'the line of the request'))['traceId'], TRACE_ID)
})

test('a trace that begins here is in the log, and what nobody asked for is not traced', async (t) => {
  const { url: collector, spans } = await startOtlpReceiver(t)
  const env = { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${collector}/v1/traces`, ...SOON }
  const { url, output } = await startService(t, cloud, env)
  startWorkerProcess(t, cloud, { ...env, WORKER_IDLE_POLL_MS: '50' })
  await eventually(async () => (await fetch(`${url}/readyz`)).ok, 'is ready', 20_000)
  await sleep(500)
  assert.equal(spans.length, 0, 'neither probes nor the looks at an empty queue')
  assert.equal((await fetch(`${url}/api/v1/getcode?x=y`)).status, 401)
  const span = await eventually(() => spans[0], 'the request that was refused')
  assert.ok(span)
  assert.equal(span.parentSpanId, '')
  const findLine = () => readLines(output()).find(({ problem }) => problem === 'token_missing')
  assert.equal((await eventually(findLine, 'the line of the request'))['traceId'], span.traceId)
})

test('without a variable that asks for traces, nothing of them is loaded, and the message is code and timestamp', async (t) => {
  const recorder = join(root, 'test/helpers/record-imports.mjs')
  const queue = await startRecorder(t, cloud)
  const env = { NODE_OPTIONS: `--import=${recorder}`, STORAGE_QUEUE_URL: `${queue.origin}/account/codes` }
  const { url, output } = await startService(t, cloud, env)
  const response = await fetch(`${url}/api/v1/getcode`, { headers: { authorization, traceparent } })
  assert.equal(response.status, 200)
  const answer = await response.text()
  const sent = queue.requests.map(({ body }) => body.replaceAll('&quot;', '"'))
  assert.ok(
    sent.some((body) => body.includes(`<MessageText>${answer}</MessageText>`)),
    sent.join('\n'),
  )
  assert.match(output(), /^imported fastify$/m)
  assert.doesNotMatch(output(), /^imported (?:.*opentelemetry|@fastify\/otel|prom-client)/m)
})

test('a variable that asks for what is not installed stops the start, and says what to install', async (t) => {
  const missing =
    'data:text/javascript,import{registerHooks}from"node:module";registerHooks({resolve(name,context,next)' +
    '{if(name.startsWith("@azure/monitor"))throw new Error("not found");return next(name,context)}})'
  const { status, output } = await run(t, process.execPath, ['--import', missing, ...SERVER], {
    env: { ...process.env, ...cloud.serviceEnv, APPLICATIONINSIGHTS_CONNECTION_STRING: 'InstrumentationKey=x' },
  })
  assert.equal(status, 78)
  assert.match(
    output,
    /^APPLICATIONINSIGHTS_CONNECTION_STRING asks for traces, .* npm install @azure\/monitor-opentel/m,
  )
})

test('a collector that says nothing holds up neither a request nor, for long, the end', async (t) => {
  const silent = createTcpServer(() => undefined).listen(0, '127.0.0.1')
  await once(silent, 'listening')
  t.after(() => silent.close())
  const endpoint = `http://127.0.0.1:${Object(silent.address()).port}`
  const { url, child, exited } = await startService(t, cloud, { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint, ...SOON })
  assert.equal((await fetch(`${url}/api/v1/getcode`, { headers: { authorization } })).status, 200)
  child.kill('SIGTERM')
  assert.equal(await Promise.race([exited, sleep(15_000, 'still there', { ref: false })]), 0)
})

test('APPLICATIONINSIGHTS_CONNECTION_STRING sends the trace to Application Insights', async (t) => {
  let received = ''
  const { certFile, keyFile } = cloud.certificate
  const certificate = { cert: readFileSync(certFile), key: readFileSync(keyFile) }
  const ingestion = createServer(certificate, async (request, response) => {
    const body = await buffer(request)
    received += request.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
    response.end('{"itemsReceived":1,"itemsAccepted":1,"errors":[]}')
  }).listen(0, '127.0.0.1')
  await once(ingestion, 'listening')
  t.after(() => {
    ingestion.closeAllConnections()
    ingestion.close()
  })
  const endpoint = `https://localhost:${Object(ingestion.address()).port}`
  const { url, output } = await startService(t, cloud, {
    APPLICATIONINSIGHTS_CONNECTION_STRING: `InstrumentationKey=3f2504e0-4f89-41d3-9a0c-0305e82c3301;IngestionEndpoint=${endpoint}`,
    // Microsoft's own figures about its library, which go to other hosts.
    APPLICATION_INSIGHTS_NO_STATSBEAT: 'true',
    ...SOON,
  })
  const response = await fetch(`${url}/api/v1/getcode?token=never`, { headers: { authorization, traceparent } })
  assert.equal(response.status, 200)
  await eventually(() => received.includes(TRACE_ID), `arrives: ${output()}`, 20_000)
  assert.match(received, /GET \/api\/v1\/getcode/)
  assert.doesNotMatch(received, /never/)
})
