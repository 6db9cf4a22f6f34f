import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { caller } from '../../local-cloud/directory.ts'
import { startCloud } from '../helpers/cloud.ts'
import { eventually } from '../helpers/processes.ts'
import { startService } from '../helpers/service.ts'

const cloud = await startCloud()
const headers = { authorization: `Bearer ${await cloud.tokens.forApi(caller)}` }
const statusOf = (url: string) =>
  fetch(url, { headers: { ...headers, connection: 'close' } }).then(({ status }) => status)

test('finishes a request in flight when it is told to stop, and ends with 0', async (t) => {
  const { url, child, exited } = await startService(t, cloud)
  assert.equal(await statusOf(`${url}/api/v1/getcode`), 200)
  cloud.faults.set('numberApi', { latencyMs: 800 })
  t.after(() => cloud.faults.clear())
  const inFlight = statusOf(`${url}/api/v1/getcode`)
  await sleep(200)
  child.kill('SIGTERM')
  assert.equal(await inFlight, 200)
  assert.equal(await exited, 0)
})

test('says that it stops before it refuses connections, and serves meanwhile', async (t) => {
  const { url, child, exited, output } = await startService(t, cloud, { STOP_PAUSE_MS: '2500' })
  await eventually(async () => (await statusOf(`${url}/readyz`)) === 200, `is ready: ${output()}`)
  child.kill('SIGTERM')
  await eventually(async () => (await statusOf(`${url}/readyz`)) === 503, 'says that it stops')
  assert.equal(await statusOf(`${url}/api/v1/getcode`), 200)
  assert.deepEqual(await (await fetch(`${url}/readyz`)).json(), { status: 'stopping', checks: {} })
  await eventually(
    () =>
      statusOf(`${url}/healthz`).then(
        () => false,
        () => true,
      ),
    'refuses connections',
  )
  assert.equal(await exited, 0)
})

test('ends at once when it is told a second time', async (t) => {
  const { child, exited, output } = await startService(t, cloud, { STOP_PAUSE_MS: '60000' })
  child.kill('SIGTERM')
  await eventually(() => output().includes('"stopping"'), 'stops')
  child.kill('SIGTERM')
  assert.equal(await exited, 1)
})

test('ends although nobody reads its log any more', async (t) => {
  const { url, child, exited } = await startService(t, cloud)
  child.stdout?.destroy()
  assert.equal(await statusOf(`${url}/api/v1/getcode`), 200)
  child.kill('SIGTERM')
  assert.equal(await exited, 0)
})

test('Ctrl+C knows no pause', async (t) => {
  const { child, exited } = await startService(t, cloud, { STOP_PAUSE_MS: '60000' })
  child.kill('SIGINT')
  assert.equal(await exited, 0)
})

for (const [what, script] of [
  ['an error that nothing catches', 'throw new Error("boom")'],
  ['a rejection that nobody handles', 'Promise.reject(new Error("boom"))'],
]) {
  test(`${what} ends it with 1 and one line`, async (t) => {
    const fault = Buffer.from(`process.on("SIGUSR1", () => { ${script} })`).toString('base64')
    const preload = `data:text/javascript;base64,${fault}`
    const { child, exited, output } = await startService(t, cloud, { NODE_OPTIONS: `--import ${preload}` })
    child.kill('SIGUSR1')
    assert.equal(await exited, 1)
    await eventually(() => output().includes('boom'), 'the reason')
    const lines = output()
      .split('\n')
      .filter((line) => line.includes('boom'))
    assert.equal(lines.length, 1, output())
    assert.match(String(lines[0]), /"level":60.*nothing caught/)
  })
}
