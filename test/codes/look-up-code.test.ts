import assert from 'node:assert/strict'
import { test } from 'node:test'
import { lookUpCode } from '../../src/codes/look-up-code.ts'

const issued = { code: 'ojE-161-pTv', timestamp: '2026-11-20T16:54:48.816Z' }
const issuedMs = Date.parse(issued.timestamp)
const LIFETIME_MS = 600_000
const row = (state: string) => ({
  state,
  issuedAt: issued.timestamp,
  expiresAt: new Date(issuedMs + LIFETIME_MS).toISOString(),
})

const rows: Array<[what: string, properties: object | undefined, atMs: number, expected: object]> = [
  ['no row yet', undefined, 0, { state: 'pending' }],
  ['no row when its time is over', undefined, LIFETIME_MS, { state: 'ended' }],
  ['valid', row('valid'), 1_000, { state: 'valid', remainingMs: LIFETIME_MS - 1_000 }],
  ['valid, as the row says, when its time is over', row('valid'), LIFETIME_MS, { state: 'ended' }],
  ['used', row('used'), 1_000, { state: 'used' }],
  ['ended', row('ended'), 1_000, { state: 'ended' }],
]
for (const [what, properties, atMs, expected] of rows) {
  test(`how a code is: ${what}`, async () => {
    const table = { find: async () => properties && { properties: { ...properties }, etag: '1' } }
    assert.deepEqual(await lookUpCode(table, issued, LIFETIME_MS, issuedMs + atMs), expected)
  })
}
