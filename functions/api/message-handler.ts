import type { InvocationContext, StorageQueueHandler } from '@azure/functions'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { LeasedMessage, StorageQueue } from '../../src/azure/storage-queue.ts'
import type { StorageTable } from '../../src/azure/storage-table.ts'
import type { Stores } from '../../src/codes/advance-code.ts'
import { handleMessage } from '../../src/codes/handle-message.ts'
import { UnavailableError } from '../../src/errors.ts'

/** What the host tells of a message ('Azure Queue storage trigger', message metadata, Microsoft Learn). */
const Metadata = Type.Object({
  id: Type.String(),
  popReceipt: Type.String(),
  dequeueCount: Type.Union([Type.Integer(), Type.String({ pattern: '^\\d+$' })]),
  insertionTime: Type.String(),
})

interface HandlerOptions {
  queue: StorageQueue
  poisonQueue: StorageQueue
  table: StorageTable
  lifetimeSeconds: number
}

/**
 * The worker as a queue trigger. The host leases a message, and deletes it when this has succeeded, unless the lease is over
 * by then: a message that is to come back later was hidden by then, which ended the lease. What this throws makes the host
 * deliver the message again.
 */
export function createMessageHandler({
  queue,
  poisonQueue,
  table,
  lifetimeSeconds,
}: HandlerOptions): StorageQueueHandler {
  const leased: Stores['queue'] = {
    async updateMessage(lease, text, hiddenSeconds) {
      if (await queue.updateMessage(lease, text, hiddenSeconds)) return true
      // The host would take the step for done.
      throw new UnavailableError('queue_unavailable', 'The lease of the message was over before the step was done.')
    },
    deleteMessage: async () => true,
  }

  return async (entry, context) => {
    await handleMessage(readMessage(entry, context, await queue.readClock()), {
      ...{ queue: leased, poisonQueue, table, lifetimeSeconds },
      observer: {
        onOutcome: (outcome) => context.info(outcome),
        onPoison: (reason, messageId) => context.warn(`message ${messageId} went to the poison queue: ${reason}`),
      },
    })
  }
}

/** @param entry the text of the message, which the host has parsed if it is JSON */
function readMessage(entry: unknown, { triggerMetadata }: InvocationContext, leasedAtMs: number): LeasedMessage {
  const { id, popReceipt, dequeueCount, insertionTime } = Value.Parse(Metadata, triggerMetadata)
  return {
    messageId: id,
    popReceipt,
    text: typeof entry === 'string' ? entry : JSON.stringify(entry),
    dequeueCount: Number(dequeueCount),
    insertedAtMs: Date.parse(insertionTime),
    leasedAtMs,
  }
}
