import { Value } from 'typebox/value'
import type { StorageTable } from '../azure/storage-table.ts'
import type { IssuedCode } from './code.ts'
import { CodeRecord, digestOf, keysOf } from './code-record.ts'

/** How a code is. One that is `pending` is on the queue, and a worker has not made it valid yet. */
export type CodeState = { state: 'pending' | 'used' | 'ended' } | { state: 'valid'; remainingMs: number }

/**
 * Looks at a code without using it. Only for whom it was issued to: to others even this tells too much.
 * @param lifetimeMs how long it may be valid: a row that is missing then does not come any more
 * @param nowMs milliseconds since the epoch
 * @throws {UnavailableError} `codes_unavailable`
 */
export async function lookUpCode(
  table: Pick<StorageTable, 'find'>,
  { code, timestamp }: IssuedCode,
  lifetimeMs: number,
  nowMs: number = Date.now(),
): Promise<CodeState> {
  const found = await table.find(keysOf(digestOf(code)))
  if (found === undefined) return { state: nowMs < Date.parse(timestamp) + lifetimeMs ? 'pending' : 'ended' }
  const { state, expiresAt } = Value.Parse(CodeRecord, found.properties)
  if (state !== 'valid') return { state }
  const remainingMs = Date.parse(expiresAt) - nowMs
  return remainingMs > 0 ? { state, remainingMs } : { state: 'ended' }
}
