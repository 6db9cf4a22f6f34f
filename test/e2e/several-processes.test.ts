import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { caller } from '../../local-cloud/directory.ts'
import { startCloud } from '../helpers/cloud.ts'
import { eventually, isAlive, run } from '../helpers/processes.ts'
import { SERVER, startService } from '../helpers/service.ts'

const cloud = await startCloud()
const headers = { authorization: `Bearer ${await cloud.tokens.forApi(caller)}`, connection: 'close' }
const getcode = (url: string) => fetch(`${url}/api/v1/getcode`, { headers })

test('several processes serve one port; one that dies is replaced, and all stop together', async (t) => {
  const { url, child, exited, output } = await startService(t, cloud, { WORKERS: '2' })
  const first = await eventually(() => both(child.pid), 'two processes')
  await Promise.all(Array.from({ length: 20 }, async () => assert.equal((await getcode(url)).status, 200)))

  process.kill(Number(first[0]), 'SIGKILL')
  await eventually(() => output().includes('another one takes its place'), 'is noticed')
  assert.equal((await getcode(url)).status, 200, 'the other one serves meanwhile')
  const second = await eventually(() => both(child.pid), 'is replaced')
  assert.ok(!second.includes(Number(first[0])))

  cloud.faults.set('numberApi', { latencyMs: 800 })
  t.after(() => cloud.faults.clear())
  const inFlight = Promise.all([getcode(url), getcode(url), getcode(url), getcode(url)])
  await sleep(300)
  child.kill('SIGTERM')
  assert.deepEqual(
    (await inFlight).map(({ status }) => status),
    [200, 200, 200, 200],
  )
  assert.equal(await exited, 0)
  assert.ok(!second.some(isAlive))
})

test('Ctrl+C, which reaches all processes at once, lets them finish too', async (t) => {
  const { url, child, exited } = await startService(t, cloud, { WORKERS: '2', STOP_PAUSE_MS: '60000' })
  const pids = await eventually(() => both(child.pid), 'two processes')
  assert.equal((await getcode(url)).status, 200)
  cloud.faults.set('numberApi', { latencyMs: 800 })
  t.after(() => cloud.faults.clear())
  const inFlight = getcode(url)
  await sleep(300)
  for (const pid of [...pids, Number(child.pid)]) process.kill(pid, 'SIGINT')
  assert.equal((await inFlight).status, 200)
  assert.equal(await exited, 0)
})

test('the processes end when the one that watches over them is killed', async (t) => {
  const { child, exited } = await startService(t, cloud, { WORKERS: '2' })
  const pids = await eventually(() => both(child.pid), 'two processes')
  child.kill('SIGKILL')
  await exited
  await eventually(() => !pids.some(isAlive), 'both have ended')
})

test('a port that is taken ends it with the reason', async (t) => {
  const { port } = await startService(t, cloud)
  const env = { ...process.env, ...cloud.serviceEnv, WORKERS: '2', PORT: String(port) }
  const { status, output } = await run(t, process.execPath, SERVER, { env })
  assert.equal(status, 1)
  assert.match(output, /EADDRINUSE/)
})

/** The processes of the service, once there are two of them. */
function both(pid: number | undefined): number[] | undefined {
  const children = execFileSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' })
  const pids = children.trim().split(/\s+/).map(Number)
  return pids.length === 2 ? pids : undefined
}
