import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { type Code, IssuedCode } from './code.ts'
import { Digest } from './code-record.ts'

/** The mark of a code that is in the table: when it comes back, the code is due. It has no code any more. */
const ValidMark = Type.Object({ state: Type.Literal('valid'), digest: Digest, endsAt: Type.String() })

/** The W3C's Trace Context of the request that issued a code; only there where the API traces. */
const Traced = Type.Object({ traceparent: Type.String() })

/** What a message of the queue says. Times are milliseconds since the epoch. */
export type CodeMessage =
  | { state: 'new'; code: Code; issuedAtMs: number; traceparent: string | undefined }
  | {
      state: 'valid'
      digest: Digest
      /** When the code is to end, on the queue's clock. */
      endsAtMs: number
    }

/** Nothing of ours, and no later delivery will make it so. The message is its reason, without what it carried. */
export class UnreadableMessageError extends Error {
  override readonly name = 'UnreadableMessageError'
}

/**
 * Reads a message in either encoding, so that the setting can change while messages are on their way.
 * @throws {UnreadableMessageError}
 */
export function parseMessage(text: string): CodeMessage {
  const value = parseJson(decodeMessage(text))
  if (Value.Check(ValidMark, value)) {
    return { state: 'valid', digest: value.digest, endsAtMs: parseTime(value.endsAt) }
  }
  if (Value.Check(IssuedCode, value)) {
    const traceparent = Value.Check(Traced, value) ? value.traceparent : undefined
    return { state: 'new', code: value.code, issuedAtMs: parseTime(value.timestamp), traceparent }
  }
  throw new UnreadableMessageError('it is neither {"code", "timestamp"} nor a mark of this worker')
}

export function formatMark(digest: Digest, endsAtMs: number): string {
  return JSON.stringify({ state: 'valid', digest, endsAt: new Date(endsAtMs).toISOString() })
}

/** Undoes base64, if that is how the message was sent: JSON of an object begins with a brace, and base64 has none. */
export function decodeMessage(text: string): string {
  const decoded = Buffer.from(text, 'base64').toString()
  return !text.startsWith('{') && decoded.startsWith('{') ? decoded : text
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new UnreadableMessageError('it is not JSON')
  }
}

/** ISO 8601 in UTC, as `toISOString` writes it. */
function parseTime(text: string): number {
  const ms = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,7})?Z$/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(ms)) throw new UnreadableMessageError('its time is not a time in UTC')
  return ms
}
