import assert from 'node:assert/strict'
import { test } from 'node:test'
import { caller } from '../../local-cloud/directory.ts'
import { startCloud } from '../helpers/cloud.ts'
import { eventually, freePort, run } from '../helpers/processes.ts'
import { SERVER, startService } from '../helpers/service.ts'

const cloud = await startCloud()

test('several processes have one page of metrics, with what all of them did', async (t) => {
  const port = await freePort()
  const { url, output } = await startService(t, cloud, { WORKERS: '2', METRICS_PORT: String(port) })
  // Each on a connection of its own, so that both processes have a part.
  const headers = { authorization: `Bearer ${await cloud.tokens.forApi(caller)}`, connection: 'close' }
  await Promise.all(
    Array.from({ length: 20 }, async () => {
      assert.equal((await fetch(`${url}/api/v1/getcode`, { headers })).status, 200)
    }),
  )
  const text = await eventually(async () => {
    const response = await fetch(`http://127.0.0.1:${port}/metrics`)
    return response.ok && (await response.text())
  }, `serves metrics: ${output()}`)
  const served = 'http_requests_total{method="GET",route="/api/v1/getcode",status="200",caller="app"} 20\n'
  assert.ok(text.includes(served), text)
  assert.match(text, /^codes_queue_messages\{queue="code-requests"\} 20$/m, 'not the sum of what both were told')

  cloud.storage.pause()
  t.after(() => cloud.storage.resume())
  await eventually(
    async () =>
      /^codes_queue_messages\{[^}]*\} Nan$/im.test(await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()),
    'says that the queue is out of reach',
    20_000,
  )
})

test('a port for metrics that is taken stops the start, and is named', async (t) => {
  const { port } = await startService(t, cloud)
  const { status, output } = await run(t, process.execPath, SERVER, {
    env: { ...process.env, ...cloud.serviceEnv, PORT: '0', METRICS_PORT: String(port) },
  })
  assert.equal(status, 1)
  assert.match(output, new RegExp(`EADDRINUSE.*127\\.0\\.0\\.1:${port}`))
})
