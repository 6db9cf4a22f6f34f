import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { createStorageQueue } from '../../src/azure/storage-queue.ts'
import { createStorageTable } from '../../src/azure/storage-table.ts'
import { freePort } from '../helpers/processes.ts'

/** The SDKs wait for a token whatever their signals say. */
describe('while the identity says nothing', { concurrency: true }, async () => {
  const origin = `https://localhost:${await freePort()}`
  const credential = { getToken: () => new Promise<never>(() => undefined) }
  const table = createStorageTable({ url: `${origin}/account/codes`, credential })
  const queue = createStorageQueue({ url: `${origin}/account/requests`, credential, messageEncoding: 'text' })

  const attempts: Array<[what: string, code: string, attempt: () => Promise<unknown>]> = [
    ['an operation on the table', 'codes_unavailable', () => table.find({ partitionKey: 'a', rowKey: 'b' })],
    ['an operation on the queue', 'queue_unavailable', () => queue.leaseMessages(1, 10)],
    ['a message for the queue', 'queue_unavailable', () => queue.sendMessage('a text')],
  ]
  for (const [what, code, attempt] of attempts) {
    test(`${what} ends within its time: ${code}`, { timeout: 20_000 }, async () => {
      await assert.rejects(attempt, { code, status: 503 })
    })
  }
})
