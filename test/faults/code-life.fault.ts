import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createCredential } from '../../src/azure/credential.ts'
import { createStorageQueue } from '../../src/azure/storage-queue.ts'
import { startApp } from '../helpers/app.ts'
import { startCloud } from '../helpers/cloud.ts'
import { eventually, type Running } from '../helpers/processes.ts'
import { startTcpProxy } from '../helpers/tcp-proxy.ts'
import { startWorkerProcess } from '../helpers/worker.ts'
import { createCensus, patiently } from './code-census.ts'

type Test = { after(fn: () => unknown): void; diagnostic(message: string): void }

const cloud = await startCloud()
const credential = createCredential()
/** This process plays the caller, the API and most of the cloud at once: it may be slow, but nobody is limited. */
const PATIENT = { RATE_LIMIT_PER_MINUTE: '1000000', THIRD_PARTY_API_TIMEOUT_MS: '60000' }

/** Long enough on a busy machine too, where a message may come back several times, 15 s after its worker gave up. */
const VALID_WITHIN_MS = 75_000
const LIFETIME_SECONDS = 90
const KILLS = 25

/** The API on a queue of its own, so that no test sees another's messages; and the environment of its workers. */
async function startOnOwnQueue(t: Test, changes: Record<string, string> = {}) {
  const name = `requests-${randomInt(1e9)}`
  const url = cloud.storage.queueUrl.replace('code-requests', name)
  const queue = createStorageQueue({ url, credential, messageEncoding: 'text' })
  await patiently(() => queue.create())
  const env = { STORAGE_QUEUE_URL: url, LOG_LEVEL: 'warn', WORKER_IDLE_POLL_MS: '5000', ...changes }
  const app = await startApp(t, cloud, { ...PATIENT, STORAGE_QUEUE_URL: url })
  return { queue, env, app, ...(await createCensus(cloud, app)) }
}

async function stop({ child, exited }: Running, signal: NodeJS.Signals = 'SIGKILL'): Promise<number | string> {
  child.kill(signal)
  return await exited
}

/** Ten at a time. */
async function times<T>(count: number, make: () => Promise<T>): Promise<T[]> {
  const made: T[] = []
  while (made.length < count) made.push(...(await Promise.all(Array.from({ length: 10 }, make))))
  return made
}

// Together, and the longest first: most of their time is waiting for codes to end.
describe('the life of a code', { concurrency: 6 }, () => {
  for (const count of [2, 4]) {
    test(`${count} workers side by side make every code valid once and end every code`, async (t) => {
      const { env, issue, verify, countValid, countTrue, queue } = await startOnOwnQueue(t, {
        CODE_LIFETIME_SECONDS: String(LIFETIME_SECONDS),
      })
      for (let index = 0; index < count; index += 1) startWorkerProcess(t, cloud, env)
      const used = await times(200, issue)
      assert.equal(await countValid(used, VALID_WITHIN_MS), 200)
      const unused = await times(50, issue)
      const last = unused.at(-1)
      assert.ok(last)
      await sleep(last.timestampMs + LIFETIME_SECONDS * 1_000 + 1_000 - Date.now())
      assert.equal(await countTrue([...used, ...unused]), 0)
      await eventually(async () => (await queue.countMessages()) === 0, 'every message is gone', VALID_WITHIN_MS)
      assert.equal(await verify(last.code), false)
    })
  }

  test('a message that is delivered twice, early and late, makes nothing valid a second time', async (t) => {
    const { env, issue, countValid, countTrue, queue } = await startOnOwnQueue(t, {
      CODE_LIFETIME_SECONDS: String(LIFETIME_SECONDS),
    })
    const codes = await times(50, issue)
    const messages = await queue.peekMessages(32)
    const repeat = async () => {
      for (const { text } of messages) await patiently(() => queue.sendMessage(text))
    }
    await repeat()
    startWorkerProcess(t, cloud, env)
    assert.equal(await countValid(codes.slice(0, 25), VALID_WITHIN_MS), 25)
    await repeat()
    await sleep(1_000)
    assert.equal(await countTrue(codes.slice(0, 25)), 0, 'used ones stay used')
    await sleep(Math.max(0, (codes.at(-1)?.timestampMs ?? 0) + LIFETIME_SECONDS * 1_000 + 1_000 - Date.now()))
    assert.equal(await countTrue(codes), 0, 'nothing is valid past its time')
    await eventually(async () => (await queue.countMessages()) === 0, 'every message is gone', VALID_WITHIN_MS)
    await repeat()
    await sleep(1_000)
    assert.equal(await countTrue(codes), 0, 'nothing revives')
  })

  for (const offset of [30, -30]) {
    test(`a worker whose clock is ${offset} s off changes nothing`, async (t) => {
      const { env, issue, countValid, countTrue } = await startOnOwnQueue(t, {
        CODE_LIFETIME_SECONDS: String(LIFETIME_SECONDS),
      })
      const worker = startWorkerProcess(t, cloud, { ...env, LOG_LEVEL: 'info' }, offset)
      const codes = await times(30, issue)
      const issuedAtMs = codes.at(-1)?.timestampMs ?? 0
      assert.equal(await countValid(codes.slice(0, 20), VALID_WITHIN_MS), 20, worker.output())
      await sleep(issuedAtMs + LIFETIME_SECONDS * 1_000 - 10_000 - Date.now())
      assert.equal(await countTrue(codes.slice(20)), 10, 'valid until shortly before the end')
      await sleep(issuedAtMs + LIFETIME_SECONDS * 1_000 + 2_000 - Date.now())
      assert.equal(await countTrue(codes), 0)
    })
  }

  test('500 codes survive workers that are killed at random moments', async (t) => {
    const { env, issue, countValid, countTrue, queue } = await startOnOwnQueue(t)
    const codes: Awaited<ReturnType<typeof issue>>[] = []
    let kills = 0
    const killWorkers = async () => {
      while (kills < KILLS) {
        kills += 1
        const worker = startWorkerProcess(t, cloud, { ...env, LOG_LEVEL: 'info' })
        await eventually(() => /watching the queue/.test(worker.output()), 'the worker is at work')
        const issued = times(500 / KILLS, issue)
        await sleep(randomInt(0, 400))
        await stop(worker)
        codes.push(...(await issued))
      }
    }
    await Promise.all([killWorkers(), killWorkers()])
    startWorkerProcess(t, cloud, env)
    const valid = await countValid(codes, VALID_WITHIN_MS)
    const again = await countTrue(codes)
    t.diagnostic(`${valid} of ${codes.length} codes were valid once after ${kills} kills, ${again} a second time`)
    assert.equal(valid, 500)
    assert.equal(again, 0)
    assert.equal((await queue.peekMessages(1)).length, 0)
  })

  const storage = { table: cloud.storage.tableUrl, queue: cloud.storage.queueUrl }
  for (const part of ['table', 'queue'] as const) {
    for (const network of ['refuse', 'black hole'] as const) {
      test(`the worker goes on by itself after 10 s of: ${part}, ${network}`, async (t) => {
        const { env, issue, countValid, countTrue } = await startOnOwnQueue(t)
        const proxy = await startTcpProxy(t, new URL(part === 'queue' ? env.STORAGE_QUEUE_URL : storage.table))
        const variable = part === 'queue' ? 'STORAGE_QUEUE_URL' : 'CODES_TABLE_URL'
        const worker = startWorkerProcess(t, cloud, { ...env, [variable]: proxy.url })
        const codes = await times(40, issue)
        assert.equal(await countValid(codes, VALID_WITHIN_MS), 40)
        await proxy.set(network)
        const during = await times(40, issue)
        await sleep(10_000)
        await proxy.set('up')
        const since = Date.now()
        assert.equal(await countValid(during, VALID_WITHIN_MS), 40, worker.output())
        t.diagnostic(`all valid ${Date.now() - since} ms after the ${part} was back`)
        assert.equal(await countTrue([...codes, ...during]), 0)
        assert.match(worker.output(), /failed, and is tried again/)
        assert.equal(await stop(worker, 'SIGTERM'), 0)
      })
    }
  }
})
