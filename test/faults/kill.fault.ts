import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { caller } from '../../local-cloud/directory.ts'
import { createCredential } from '../../src/azure/credential.ts'
import { createStorageQueue } from '../../src/azure/storage-queue.ts'
import { createStorageTable } from '../../src/azure/storage-table.ts'
import { digestOf, keysOf } from '../../src/codes/code-record.ts'
import { startCloud } from '../helpers/cloud.ts'
import { startService } from '../helpers/service.ts'
import { startWorkerProcess } from '../helpers/worker.ts'

const REQUESTS = 2_000
const CALLERS = 12
/** The most that one call leases at once. */
const BATCH = 32
const HIDDEN_SECONDS = 300

const cloud = await startCloud()
const credential = createCredential()
const queue = createStorageQueue({ url: cloud.storage.queueUrl, credential, messageEncoding: 'text' })
const table = createStorageTable({ url: cloud.storage.tableUrl, credential })

test(`the API is killed at random moments during ${REQUESTS} requests: each code that a caller got is on the queue or in the table`, async (t) => {
  const env = { RATE_LIMIT_PER_MINUTE: '1000000', LOG_LEVEL: 'warn' }
  const headers = { authorization: `Bearer ${await cloud.tokens.forApi(caller)}` }
  const worker = startWorkerProcess(t, cloud, { LOG_LEVEL: 'warn' })
  let service = await startService(t, cloud, env)
  const codes: string[] = []
  let sent = 0
  let cut = 0
  let kills = 0

  async function call(): Promise<void> {
    while (sent < REQUESTS) {
      const { url, child } = service
      sent += 1
      try {
        const response = await fetch(`${url}/api/v1/getcode`, { headers })
        if (response.ok) codes.push(Object(await response.json()).code)
      } catch {
        cut += 1
        // Whoever finds nobody there comes again when somebody is.
        while (service.child === child) await sleep(5)
      }
    }
  }

  async function kill(): Promise<void> {
    while (sent < REQUESTS) {
      const since = sent
      const after = randomInt(1, 300)
      while (sent < Math.min(since + after, REQUESTS)) await sleep(1)
      await sleep(randomInt(5))
      service.child.kill('SIGKILL')
      await service.exited
      kills += 1
      service = await startService(t, cloud, env)
    }
  }

  await Promise.all([kill(), ...Array.from({ length: CALLERS }, call)])
  worker.child.kill('SIGTERM')
  assert.equal(await worker.exited, 0, worker.output())

  const queued = await readQueue()
  const missing: string[] = []
  for (const code of codes) if (!queued.has(code) && !(await isInTable(code))) missing.push(code)
  t.diagnostic(`${codes.length} codes, ${cut} requests cut off by ${kills} kills, ${missing.length} codes lost`)
  assert.deepEqual(missing, [])
  assert.equal(new Set(codes).size, codes.length)
  assert.ok(kills >= 5 && cut > 0 && codes.length > REQUESTS / 2)
})

/** Codes whose messages no worker has taken yet. */
async function readQueue(): Promise<Set<string>> {
  const found = new Set<string>()
  for (;;) {
    const messages = await queue.leaseMessages(BATCH, HIDDEN_SECONDS)
    if (messages.length === 0) return found
    for (const { text } of messages) found.add(String(Object(JSON.parse(text)).code))
  }
}

async function isInTable(code: string): Promise<boolean> {
  return (await table.find(keysOf(digestOf(code)))) !== undefined
}
