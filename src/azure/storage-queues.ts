import { UnavailableError } from '../errors.ts'
import { assertInstalled } from './installed.ts'
import { createRotation } from './rotation.ts'
import { createStorageQueue, type PeekedMessage, readName, type StorageQueueOptions } from './storage-queue.ts'

/** For one message, over all queues that it is offered to. */
const SEND_TIMEOUT_MS = 5_000

/** Puts a message on a queue in another way, and rejects when that fails. */
export type SendMessage = (text: string) => Promise<void>

export interface StorageQueuesOptions extends Omit<StorageQueueOptions, 'url' | 'name'> {
  /** `https://<account>.queue.core.windows.net/<queue>`, one or more, of one account or several. */
  urls: readonly string[]
  /** Is told of a queue that fails while others do its work. */
  onFailure(queueName: string, error: unknown): void
  /** Sends instead of this client, which still does everything else: an output binding of Azure Functions, for one. */
  send?: SendMessage | undefined
}

/**
 * One or several Storage queues as one: a queue takes some 2,000 messages a second, an account ten times that ('Scalability
 * and performance targets for Queue Storage', Microsoft Learn).
 */
export function createStorageQueues({ urls, onFailure, send, ...options }: StorageQueuesOptions) {
  assertInstalled('storage-queue', '@azure/core-rest-pipeline', '@azure/storage-queue')
  const names = nameApart(urls)
  const all = urls.map((url, index) => createStorageQueue({ ...options, url, name: names[index] }))
  const rotation = createRotation(all)

  return {
    /** Each by itself: for whoever takes messages off them. */
    all,
    name: all.map(({ name }) => name).join(', '),
    /**
     * Puts a message on one queue, each in its turn; when that fails, on the next. One that failed is left alone for 5 s.
     * Resolves once a queue has acknowledged the message. After a failure that left open whether the first queue has it,
     * it may be on two.
     * @param withinMs milliseconds that somebody waits for it; 5 s at most are spent
     * @throws {UnavailableError} `queue_unavailable` when none took it in that time
     * @throws {UnsendableMessageError} when no queue takes such a text, and then nothing was sent
     */
    async sendMessage(text: string, withinMs: number = SEND_TIMEOUT_MS): Promise<void> {
      if (send !== undefined) return await send(text)
      const endsAtMs = performance.now() + Math.max(0, Math.min(withinMs, SEND_TIMEOUT_MS))
      let failure: unknown
      const order = rotation.next(performance.now())
      for (const [index, queue] of order.entries()) {
        // Those still to come get their share of the time, if this one is silent.
        const timeoutMs = Math.ceil((endsAtMs - performance.now()) / (order.length - index))
        try {
          await queue.sendMessage(text, timeoutMs)
          rotation.succeeded(queue)
          return
        } catch (error) {
          // What no queue takes is not this queue's fault.
          if (!(error instanceof UnavailableError)) throw error
          if (rotation.failed(queue, performance.now()) && all.length > 1) onFailure(queue.name, error)
          failure = error
        }
      }
      throw failure
    },
    /** Roughly how many messages all queues hold. Rejects when one of them cannot say. */
    async countMessages(): Promise<number> {
      const counts = await Promise.all(all.map((queue) => queue.countMessages()))
      return counts.reduce((sum, count) => sum + count, 0)
    },
    /** The next messages of every queue, at most 32 of each, without leasing them. */
    async peekMessages(count: number): Promise<PeekedMessage[]> {
      return (await Promise.all(all.map((queue) => queue.peekMessages(count)))).flat()
    },
    async clearMessages(): Promise<void> {
      await Promise.all(all.map((queue) => queue.clearMessages()))
    },
    /** Rejects unless at least one queue exists, and this identity may use it. Tells `onFailure` of the others. */
    async assertReady(): Promise<void> {
      const asking = all.map(async (queue) => {
        try {
          await queue.countMessages()
        } catch (error) {
          if (all.length > 1) onFailure(queue.name, error)
          throw error
        }
      })
      await Promise.any(asking).catch((error: AggregateError) => Promise.reject(error.errors[0]))
    },
    /** Ends the connections for sending. */
    async close(): Promise<void> {
      await Promise.all(all.map((queue) => queue.close()))
    },
  }
}

export type StorageQueues = ReturnType<typeof createStorageQueues>

/** Queues by their own names, or with their accounts before them where two have the same. */
function nameApart(urls: readonly string[]): string[] {
  const names = urls.map(readName)
  if (new Set(names).size === urls.length) return names
  return urls.map((url) => new URL(url).host + new URL(url).pathname)
}
