import type { LeasedMessage, StorageQueue } from '../azure/storage-queue.ts'
import { UnavailableError } from '../errors.ts'
import { advanceCode, type Outcome, type Stores } from './advance-code.ts'
import { UnreadableMessageError } from './code-message.ts'
import { poisonMessage } from './poison.ts'

const MAX_DELIVERIES = 5

/** Is told what becomes of messages; nothing of it carries a code. */
export interface MessageObserver {
  onOutcome(outcome: Outcome): void
  onPoison(reason: string, messageId: string): void
}

interface HandleOptions extends Stores {
  poisonQueue: Pick<StorageQueue, 'create' | 'sendMessage' | 'sendRawMessage'>
  observer: MessageObserver
}

/**
 * Takes the code of a leased message a step on, or gives the message up: one that cannot be read, or has failed too often.
 * Rejects when the message is to be delivered again.
 */
export async function handleMessage(message: LeasedMessage, options: HandleOptions): Promise<void> {
  const { queue, poisonQueue, observer } = options
  try {
    observer.onOutcome(await advanceCode(message, options))
  } catch (error) {
    const reason = reasonToGiveUp(error, message.dequeueCount)
    if (reason === undefined) throw error
    await poisonMessage(message, reason, queue, poisonQueue)
    observer.onPoison(reason, message.messageId)
  }
}

/** An outage is nobody's fault: its messages stay, however often they were delivered in the meantime. */
function reasonToGiveUp(error: unknown, dequeueCount: number): string | undefined {
  if (error instanceof UnreadableMessageError) return error.message
  if (error instanceof UnavailableError || dequeueCount < MAX_DELIVERIES) return undefined
  return `it failed ${dequeueCount} times, at last with: ${error instanceof Error ? error.message : String(error)}`
}
