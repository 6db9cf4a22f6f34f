import { randomUUID } from 'node:crypto'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import type { EntityKeys, StorageTable } from '../azure/storage-table.ts'
import { Code } from './code.ts'
import { CodeRecord, digestOf, keysOf } from './code-record.ts'

/** Whether a code was valid until now. */
export const Verification = Type.Object(
  {
    valid: Type.Boolean({ description: 'True once for each code; a code that was valid is used from then on.' }),
    issuedAt: Type.Optional(Type.String({ format: 'date-time', description: 'Only when it was valid.' })),
    expiresAt: Type.Optional(Type.String({ format: 'date-time', description: 'Only when it was valid.' })),
  },
  {
    description: 'Whether the code was valid.',
    examples: [{ valid: true, issuedAt: '2026-11-20T16:54:48.816Z', expiresAt: '2026-11-20T17:04:48.816Z' }],
  },
)
export type Verification = Static<typeof Verification>

const NOT_VALID: Verification = { valid: false }

/**
 * Uses a code. True exactly once, however many ask at the same time; unknown, malformed, expired, used and ended codes
 * are all alike.
 * @param code whatever the caller sent
 * @param now milliseconds since the epoch; asked when the table has answered, which may take a while
 * @throws {UnavailableError} `codes_unavailable`; the code may be used by then
 */
export async function verifyCode(
  table: Pick<StorageTable, 'find' | 'update'>,
  code: string,
  now: () => number = Date.now,
): Promise<Verification> {
  if (!Value.Check(Code, code)) return NOT_VALID
  const keys = keysOf(digestOf(code))
  const found = await table.find(keys)
  if (found === undefined) return NOT_VALID
  const nowMs = now()
  const { state, issuedAt, expiresAt } = Value.Parse(CodeRecord, found.properties)
  if (state !== 'valid' || nowMs >= Date.parse(expiresAt)) return NOT_VALID

  const verificationId = randomUUID()
  const use = { ...keys, state: 'used', endedAt: new Date(nowMs).toISOString(), verificationId }
  const isUsedByThis = (await table.update(use, found.etag)) || (await wasUsedBy(table, keys, verificationId))
  return isUsedByThis ? { valid: true, issuedAt, expiresAt } : NOT_VALID
}

/** An update whose answer was lost is sent again by the client, and then fails because of itself. */
async function wasUsedBy(table: Pick<StorageTable, 'find'>, keys: EntityKeys, id: string): Promise<boolean> {
  const found = await table.find(keys)
  return found !== undefined && Value.Parse(CodeRecord, found.properties).verificationId === id
}
