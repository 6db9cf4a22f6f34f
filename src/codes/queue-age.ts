import type { PeekedMessage, StorageQueue } from '../azure/storage-queue.ts'
import { parseMessage } from './code-message.ts'

const PEEKED = 32

/** How long the message that has waited longest has been visible: 0 when none is. The next 32 are looked at. */
export async function oldestWaitSeconds(
  queue: Pick<StorageQueue, 'peekMessages'>,
  nowMs: number = Date.now(),
): Promise<number> {
  const messages = await queue.peekMessages(PEEKED)
  return Math.max(0, ...messages.map((message) => (nowMs - visibleSinceMs(message)) / 1_000))
}

/** A code that is due became visible at its end; everything else waits since it came. */
function visibleSinceMs({ text, insertedAtMs }: PeekedMessage): number {
  try {
    const content = parseMessage(text)
    return content.state === 'valid' ? content.endsAtMs : insertedAtMs
  } catch {
    return insertedAtMs
  }
}
