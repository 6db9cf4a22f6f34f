import type { DequeuedMessageItem, QueueClient } from '@azure/storage-queue'
import { UnavailableError } from '../errors.ts'
import type { Credential } from './credential.ts'
import { withDeadline } from './deadline.ts'
import { summarizeFault } from './fault-summary.ts'
import { assertSendable } from './message-text.ts'
import { type ObserveCall, unobserved } from './outside-call.ts'
import { createPutMessage } from './put-message.ts'

/** Three tries within the time of one operation. */
const RETRIES = { maxTries: 3, retryDelayInMs: 200, maxRetryDelayInMs: 1_000, tryTimeoutInMs: 3_000 }
/** A lease whose answer is lost hides its messages until it ends; asking again at once would hide further ones. */
const ONE_TRY = { ...RETRIES, maxTries: 1 }
const OPERATION_TIMEOUT_MS = 5_000
/** The most messages that one call may peek at or lease (Peek Messages, Get Messages, Azure Storage REST API). */
const MAX_MESSAGES = 32

export interface StorageQueueOptions {
  /** `https://<account>.queue.core.windows.net/<queue>` */
  url: string
  /** Such as `DefaultAzureCredential`; its identity needs 'Storage Queue Data Contributor'. */
  credential: Credential
  /** What people know it by; its own name unless told. */
  name?: string | undefined
  /** `base64` is what Azure Functions triggers expect. */
  messageEncoding: 'text' | 'base64'
  observe?: ObserveCall | undefined
}

/** What changes or deletes a message that this process leased, for as long as the lease lasts. */
export interface Lease {
  messageId: string
  popReceipt: string
}

export interface PeekedMessage {
  /** As it is on the queue, in whichever encoding it was sent. */
  text: string
  /** Milliseconds since the epoch, in whole seconds of the queue's own clock. */
  insertedAtMs: number
  /** How often it has been leased. */
  dequeueCount: number
}

export interface LeasedMessage extends Lease, PeekedMessage {
  /** When the lease began, on the same clock. */
  leasedAtMs: number
}

interface Clients {
  client: QueueClient
  leasing: QueueClient
}

type Operation<T> = (clients: Clients, abortSignal: AbortSignal) => Promise<T>

/**
 * One Storage queue. Every operation ends within 5 s and fails with `queue_unavailable`. Azure's client for queues is
 * loaded at the first operation other than sending.
 */
export function createStorageQueue(options: StorageQueueOptions) {
  const { url, credential, messageEncoding, name = readName(url), observe = unobserved } = options
  const sender = createPutMessage({ url, credential })
  const encode = (text: string) => (messageEncoding === 'base64' ? Buffer.from(text).toString('base64') : text)

  let clients: Promise<Clients> | undefined

  async function connect(): Promise<Clients> {
    const { QueueClient } = await import('@azure/storage-queue')
    const open = (retryOptions: typeof RETRIES) => new QueueClient(url, credential, { retryOptions })
    return { client: open(RETRIES), leasing: open(ONE_TRY) }
  }

  async function attempt<T>(operation: Operation<T>): Promise<T> {
    clients ??= connect()
    const connected = await clients
    return await withDeadline((abortSignal) => operation(connected, abortSignal), OPERATION_TIMEOUT_MS)
  }

  async function run<T>(operation: Operation<T>): Promise<T> {
    try {
      return await observe('queue', () => attempt(operation))
    } catch (error) {
      throw queueUnavailable(error)
    }
  }

  async function holdsLease(operation: Operation<unknown>): Promise<boolean> {
    try {
      await attempt(operation)
      return true
    } catch (error) {
      if (isLeaseLost(error)) return false
      throw error
    }
  }

  /** An operation on a leased message. Somebody else may hold it by now, or have deleted it. */
  async function whileLeased(operation: Operation<unknown>): Promise<boolean> {
    try {
      return await observe('queue', () => holdsLease(operation))
    } catch (error) {
      // What the service calls wrong with the operation itself will be wrong the next time too.
      if (isRefusal(error)) throw new Error('the queue refused the operation', { cause: summarizeFault(error) })
      throw queueUnavailable(error)
    }
  }

  async function send(text: string, timeoutMs = OPERATION_TIMEOUT_MS): Promise<void> {
    assertSendable(text)
    try {
      await observe('queue', () => sender.send(text, timeoutMs))
    } catch (error) {
      throw queueUnavailable(error)
    }
  }

  return {
    name,
    url,
    /**
     * Resolves once the queue has acknowledged the message. A repeated try may put it there twice.
     * @param timeoutMs milliseconds for all tries together, 5 s unless told
     * @throws {UnsendableMessageError} when no queue takes such a text, and then nothing was sent
     */
    sendMessage(text: string, timeoutMs?: number): Promise<void> {
      return send(encode(text), timeoutMs)
    },
    /** The same for a message that is put there as it is, in whichever encoding. */
    sendRawMessage: (text: string): Promise<void> => send(text),
    /** The next messages, at most 32, without leasing them. */
    async peekMessages(count: number): Promise<PeekedMessage[]> {
      const numberOfMessages = Math.min(count, MAX_MESSAGES)
      const { peekedMessageItems } = await run(({ client }, abortSignal) =>
        client.peekMessages({ numberOfMessages, abortSignal }),
      )
      return peekedMessageItems.map(({ messageText, insertedOn, dequeueCount }) => ({
        text: messageText,
        insertedAtMs: insertedOn.getTime(),
        dequeueCount,
      }))
    },
    /** Leases the next messages, at most 32: nobody else gets them for `leaseSeconds`. */
    async leaseMessages(count: number, leaseSeconds: number): Promise<LeasedMessage[]> {
      const options = { numberOfMessages: Math.min(count, MAX_MESSAGES), visibilityTimeout: leaseSeconds }
      const leased = await run(({ leasing }, abortSignal) => leasing.receiveMessages({ ...options, abortSignal }))
      const { receivedMessageItems, date } = leased
      const leasedAtMs = date?.getTime() ?? Date.now()
      return receivedMessageItems.map((item) => toLeased(item, leasedAtMs))
    },
    /**
     * Replaces the text of a leased message and hides it, which ends the lease.
     * @param hiddenSeconds whole seconds, 0 or more
     * @returns false when the lease was no longer held, and then nothing changed
     */
    async updateMessage({ messageId, popReceipt }: Lease, text: string, hiddenSeconds: number): Promise<boolean> {
      return await whileLeased(({ client }, abortSignal) =>
        client.updateMessage(messageId, popReceipt, encode(text), hiddenSeconds, { abortSignal }),
      )
    },
    /** Ends a lease early and leaves the message as it is, visible again after `hiddenSeconds`. */
    async releaseMessage({ messageId, popReceipt }: Lease, hiddenSeconds: number): Promise<boolean> {
      return await whileLeased(({ client }, abortSignal) =>
        client.updateMessage(messageId, popReceipt, undefined, hiddenSeconds, { abortSignal }),
      )
    },
    /** @returns false when the lease was no longer held, and then nothing changed */
    async deleteMessage({ messageId, popReceipt }: Lease): Promise<boolean> {
      return await whileLeased(({ client }, abortSignal) =>
        client.deleteMessage(messageId, popReceipt, { abortSignal }),
      )
    },
    async clearMessages(): Promise<void> {
      await run(({ client }, abortSignal) => client.clearMessages({ abortSignal }))
    },
    /** Makes the queue unless it exists. */
    async create(): Promise<void> {
      await run(({ client }, abortSignal) => client.createIfNotExists({ abortSignal }))
    },
    /** Rejects unless the queue exists and this identity may use it. Returns roughly how many messages it holds. */
    async countMessages(): Promise<number> {
      const { approximateMessagesCount } = await run(({ client }, abortSignal) => client.getProperties({ abortSignal }))
      return approximateMessagesCount ?? 0
    },
    /** The queue's own clock, in milliseconds since the epoch and whole seconds. */
    async readClock(): Promise<number> {
      const { date } = await run(({ client }, abortSignal) => client.getProperties({ abortSignal }))
      if (date === undefined) throw queueUnavailable(new Error('the answer has no date'))
      return date.getTime()
    },
    /** Ends the connections for sending. */
    close: () => sender.close(),
  }
}

export type StorageQueue = ReturnType<typeof createStorageQueue>

function toLeased(item: DequeuedMessageItem, leasedAtMs: number): LeasedMessage {
  const { messageId, popReceipt, messageText, insertedOn, dequeueCount } = item
  return { messageId, popReceipt, text: messageText, insertedAtMs: insertedOn.getTime(), dequeueCount, leasedAtMs }
}

/** 'Queue service error codes', Azure Storage REST API. */
function isLeaseLost(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'MessageNotFound' || code === 'PopReceiptMismatch'
}

function isRefusal(error: unknown): boolean {
  return error instanceof Error && 'statusCode' in error && error.statusCode === 400
}

function queueUnavailable(error: unknown): UnavailableError {
  return new UnavailableError('queue_unavailable', 'The queue that this needs is out of reach for the moment.', {
    cause: summarizeFault(error),
  })
}

/** @throws {Error} when the URL names no queue */
export function readName(url: string): string {
  const name = new URL(url).pathname.replace(/\/$/, '').split('/').at(-1)
  if (name === undefined || name === '') throw new Error(`${url} names no queue`)
  return name
}
