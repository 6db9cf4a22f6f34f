import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { LeasedMessage, StorageQueue } from '../azure/storage-queue.ts'
import { decodeMessage } from './code-message.ts'

/** The most bytes of one message (Put Message, Azure Storage REST API). */
const MAX_MESSAGE_BYTES = 64 * 1_024
/** base64 makes four characters of three bytes. */
const BASE64_GROWTH = 4 / 3

/** A message that was given up, as it stands on the queue `<queue>-poison`. */
const Poisoned = Type.Object({
  reason: Type.String(),
  dequeueCount: Type.Integer(),
  poisonedAt: Type.String(),
  /** The message as it was, byte for byte. */
  text: Type.String(),
})

/** What every poison queue is called, here and by Azure Functions. */
export function poisonUrl(queueUrl: string): string {
  return `${queueUrl}-poison`
}

/**
 * Puts a message on the poison queue with its reason, and only then takes it off its own: a crash between the two leaves
 * it on both.
 */
export async function poisonMessage(
  message: LeasedMessage,
  reason: string,
  queue: Pick<StorageQueue, 'deleteMessage'>,
  poisonQueue: Pick<StorageQueue, 'create' | 'sendMessage' | 'sendRawMessage'>,
): Promise<void> {
  const { text, dequeueCount } = message
  const poisoned = JSON.stringify({ reason, dequeueCount, poisonedAt: new Date().toISOString(), text })
  await poisonQueue.create()
  if (Buffer.byteLength(poisoned) * BASE64_GROWTH <= MAX_MESSAGE_BYTES) await poisonQueue.sendMessage(poisoned)
  // No room for the reason, which the log has.
  else await poisonQueue.sendRawMessage(text)
  await queue.deleteMessage(message)
}

/** From a message of the poison queue to the message that it was, with the reason if there was room for it. */
export function readPoisoned(text: string): { text: string; reason: string | undefined } {
  const value = parseJson(decodeMessage(text))
  return Value.Check(Poisoned, value) ? { text: value.text, reason: value.reason } : { text, reason: undefined }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
