import { Value } from 'typebox/value'
import type { LeasedMessage, StorageQueue } from '../azure/storage-queue.ts'
import type { StorageTable } from '../azure/storage-table.ts'
import { type CodeMessage, formatMark, parseMessage, UnreadableMessageError } from './code-message.ts'
import { CodeRecord, digestOf, keysOf } from './code-record.ts'

/** How far the clocks of the API and of the queue may be apart. */
const CLOCK_TOLERANCE_MS = 5 * 60 * 1_000
/** The queue tells its time in whole seconds, so that a code could end that much early. */
const QUEUE_CLOCK_STEP_MS = 1_000

export interface Stores {
  queue: Pick<StorageQueue, 'updateMessage' | 'deleteMessage'>
  table: Pick<StorageTable, 'insert' | 'find' | 'update'>
  lifetimeSeconds: number
  /** Makes a step part of the trace that its code was issued in. */
  continueTrace?: ContinueTrace | undefined
}

export type ContinueTrace = <T>(traceparent: string | undefined, name: string, work: () => Promise<T>) => Promise<T>

/**
 * What became of a message: its code was made valid; it was valid already (a second delivery); it came when its time was
 * over; it ended; it is not due yet and was hidden again.
 */
export type Outcome = 'made_valid' | 'repeated' | 'too_late' | 'ended' | 'not_due'

/**
 * Takes a code one step on in its life. Each step leaves the work either undone and the message leased, or done; doing it
 * twice is the same as doing it once. Only clocks of the queue are compared with each other, never with this process's.
 * @throws {UnreadableMessageError} when no later delivery can succeed
 * @throws {UnavailableError} when the queue or the table is out of reach
 */
export async function advanceCode(message: LeasedMessage, stores: Stores): Promise<Outcome> {
  const content = parseMessage(message.text)
  if (content.state === 'valid') return await end(message, content, stores)
  const work = () => makeValid(message, content, stores)
  return await (stores.continueTrace?.(content.traceparent, 'make valid', work) ?? work())
}

async function makeValid(
  message: LeasedMessage,
  { code, issuedAtMs }: Extract<CodeMessage, { state: 'new' }>,
  { queue, table, lifetimeSeconds }: Stores,
): Promise<Outcome> {
  if (issuedAtMs > message.insertedAtMs + CLOCK_TOLERANCE_MS) {
    throw new UnreadableMessageError('its code was issued in the future')
  }
  const lifetimeMs = lifetimeSeconds * 1_000
  const expiresAtMs = issuedAtMs + lifetimeMs
  if (message.leasedAtMs > expiresAtMs + CLOCK_TOLERANCE_MS) {
    await queue.deleteMessage(message)
    return 'too_late'
  }
  const digest = digestOf(code)
  const record: CodeRecord = { state: 'valid', issuedAt: toIso(issuedAtMs), expiresAt: toIso(expiresAtMs) }
  const isNew = await table.insert({ ...keysOf(digest), ...record })
  const endsAtMs = message.insertedAtMs + lifetimeMs + QUEUE_CLOCK_STEP_MS
  await hideUntil(endsAtMs, message, formatMark(digest, endsAtMs), queue)
  return isNew ? 'made_valid' : 'repeated'
}

async function end(
  message: LeasedMessage,
  { digest, endsAtMs }: Extract<CodeMessage, { state: 'valid' }>,
  { queue, table }: Stores,
): Promise<Outcome> {
  if (message.leasedAtMs < endsAtMs - QUEUE_CLOCK_STEP_MS) {
    await hideUntil(endsAtMs, message, formatMark(digest, endsAtMs), queue)
    return 'not_due'
  }
  const keys = keysOf(digest)
  const found = await table.find(keys)
  if (found !== undefined && Value.Parse(CodeRecord, found.properties).state === 'valid') {
    // When this fails, somebody used the code a moment ago, or another delivery ended it: over it is in either case.
    await table.update({ ...keys, state: 'ended', endedAt: toIso(message.leasedAtMs) }, found.etag)
  }
  await queue.deleteMessage(message)
  return 'ended'
}

/** A lease that is lost by now is somebody else's, who does the same. */
async function hideUntil(atMs: number, message: LeasedMessage, text: string, queue: Stores['queue']): Promise<void> {
  const hiddenSeconds = Math.max(0, Math.ceil((atMs - message.leasedAtMs) / 1_000))
  await queue.updateMessage(message, text, hiddenSeconds)
}

function toIso(ms: number): string {
  return new Date(ms).toISOString()
}
