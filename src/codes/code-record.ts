import { hash } from 'node:crypto'
import { type Static, Type } from 'typebox'
import type { EntityKeys } from '../azure/storage-table.ts'
import type { Code } from './code.ts'

/** SHA-256 of a code, in hexadecimal. The table has this, and never the code. */
export const Digest = Type.String({ pattern: '^[0-9a-f]{64}$' })
export type Digest = Static<typeof Digest>

/** Row of one code in the table. A code that is `used` or `ended` never becomes valid again. */
export const CodeRecord = Type.Object({
  state: Type.Enum(['valid', 'used', 'ended']),
  issuedAt: Type.String(),
  /** From this moment on the code is not valid, whatever its state says. */
  expiresAt: Type.String(),
  /** When it was used or ended. */
  endedAt: Type.Optional(Type.String()),
  /** Which verification used it. */
  verificationId: Type.Optional(Type.String()),
})
export type CodeRecord = Static<typeof CodeRecord>

/** Hexadecimal digits of the digest that are the partition: 256 partitions, each with its own limit on requests. */
const PARTITION_DIGITS = 2
export const partitions: readonly string[] = Array.from({ length: 16 ** PARTITION_DIGITS }, (_, index) =>
  index.toString(16).padStart(PARTITION_DIGITS, '0'),
)

export function digestOf(code: Code): Digest {
  return hash('sha256', code)
}

/**
 * Digits of the digest by which a log links the lines of one code: enough to tell the codes of a day apart as a rule, and
 * so few that trying all codes against them leaves a million to choose from (docs/decisions/0035).
 */
const REFERENCE_DIGITS = 6

/** @param text whatever was given as a code */
export function referenceOf(text: string): string {
  return digestOf(text).slice(0, REFERENCE_DIGITS)
}

export function keysOf(digest: Digest): EntityKeys {
  return { partitionKey: digest.slice(0, PARTITION_DIGITS), rowKey: digest }
}
