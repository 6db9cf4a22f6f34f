import { QueueClient } from '@azure/storage-queue'
import { UnavailableError } from '../errors.ts'
import type { Credential } from './credential.ts'
import { summarizeFault } from './fault-summary.ts'

/** Three tries within the time of one operation. */
const RETRIES = { maxTries: 3, retryDelayInMs: 200, maxRetryDelayInMs: 1_000, tryTimeoutInMs: 3_000 }
const OPERATION_TIMEOUT_MS = 5_000
/** The most messages that one call may peek at (Peek Messages, Azure Storage REST API). */
const MAX_PEEKED = 32

export interface StorageQueueOptions {
  /** `https://<account>.queue.core.windows.net/<queue>` */
  url: string
  credential: Credential
  /** `base64` is what Azure Functions triggers expect. */
  messageEncoding: 'text' | 'base64'
}

/** One Storage queue. Every operation ends within 5 s and fails with `queue_unavailable`. */
export function createStorageQueue({ url, credential, messageEncoding }: StorageQueueOptions) {
  const client = new QueueClient(url, credential, { retryOptions: RETRIES })

  return {
    name: client.name,
    /** Resolves once the queue has acknowledged the message. A try repeated by the client may put it there twice. */
    async sendMessage(text: string): Promise<void> {
      const body = messageEncoding === 'base64' ? Buffer.from(text).toString('base64') : text
      await run((abortSignal) => client.sendMessage(body, { abortSignal }))
    },
    /** The next messages as texts, at most 32, without leasing them. */
    async peekMessages(count: number): Promise<string[]> {
      const numberOfMessages = Math.min(count, MAX_PEEKED)
      const { peekedMessageItems } = await run((abortSignal) => client.peekMessages({ numberOfMessages, abortSignal }))
      return peekedMessageItems.map(({ messageText }) =>
        messageEncoding === 'base64' ? Buffer.from(messageText, 'base64').toString() : messageText,
      )
    },
    async clearMessages(): Promise<void> {
      await run((abortSignal) => client.clearMessages({ abortSignal }))
    },
    /** Rejects unless the queue exists and this identity may use it. Returns roughly how many messages it holds. */
    async countMessages(): Promise<number> {
      const { approximateMessagesCount } = await run((abortSignal) => client.getProperties({ abortSignal }))
      return approximateMessagesCount ?? 0
    },
  }
}

export type StorageQueue = ReturnType<typeof createStorageQueue>

async function run<T>(operation: (signal: AbortSignal) => Promise<T>): Promise<T> {
  try {
    return await operation(AbortSignal.timeout(OPERATION_TIMEOUT_MS))
  } catch (error) {
    throw new UnavailableError('queue_unavailable', 'The queue of codes is out of reach for the moment.', {
      cause: summarizeFault(error),
    })
  }
}
