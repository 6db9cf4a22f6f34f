import { setTimeout as sleep } from 'node:timers/promises'
import type { LeasedMessage, StorageQueue } from '../azure/storage-queue.ts'
import { UnavailableError } from '../errors.ts'
import type { Stores } from './advance-code.ts'
import { handleMessage, type MessageObserver } from './handle-message.ts'

/** What the queue gives at once. */
const BATCH = 32
/** Two batches: while one is worked on, the next is fetched. */
const MAX_IN_FLIGHT = 2 * BATCH
/**
 * Longer than a step takes: two or three operations, each 5 s at worst and some milliseconds as a rule. After a crash others
 * take over that soon, and a step that takes longer all the same is done twice, to the same effect.
 */
const LEASE_SECONDS = 15
/** The first pause when the queue has nothing, and by how much each further one is longer. */
const SHORTEST_PAUSE_MS = 50
const PAUSE_GROWTH = 1.1
/** When the table is out of reach, a message may be tried again after this time. */
const RETRY_SECONDS = 2
/** What is held when the worker is told to stop may be finished within this time. */
const STOP_WITHIN_MS = 10_000

export interface WatchObserver extends MessageObserver {
  /** One message, or one look at the queue, failed; it is tried again. */
  onFailure(error: unknown): void
}

interface WatchOptions extends Stores {
  queue: StorageQueue
  poisonQueue: StorageQueue
  /** The longest pause between two looks at an empty queue, in milliseconds. */
  idlePollMs: number
  observer: WatchObserver
}

/**
 * Leases messages and takes each code a step on. Delivery is at least once, so that the effect of every step is the same
 * when it happens again; any number of watchers work side by side.
 */
export function createCodeWatcher({ idlePollMs, observer, poisonQueue, ...stores }: WatchOptions) {
  const { queue } = stores
  const inFlight = new Set<Promise<void>>()
  const stopping = new AbortController()
  let running: Promise<void> | undefined
  let polledAtMs = Number.NEGATIVE_INFINITY
  /** Something was out of reach since the last look: more leases would only fail too. */
  let isHeldUp = false

  async function watch(): Promise<void> {
    let pauseMs = 0
    while (!stopping.signal.aborted) {
      const count = await poll()
      pauseMs = count > 0 && !isHeldUp ? 0 : nextPause(pauseMs, idlePollMs)
      isHeldUp = false
      await sleep(pauseMs, undefined, { signal: stopping.signal }).catch(() => undefined)
      while (inFlight.size > MAX_IN_FLIGHT - BATCH) await Promise.race(inFlight)
    }
  }

  async function poll(): Promise<number> {
    try {
      const messages = await queue.leaseMessages(BATCH, LEASE_SECONDS)
      polledAtMs = Date.now()
      for (const message of messages) begin(message)
      return messages.length
    } catch (error) {
      observer.onFailure(error)
      return 0
    }
  }

  function begin(message: LeasedMessage): void {
    const work = handle(message).catch((error: unknown) => observer.onFailure(error))
    const entry = work.finally(() => inFlight.delete(entry))
    inFlight.add(entry)
  }

  async function handle(message: LeasedMessage): Promise<void> {
    try {
      await handleMessage(message, { ...stores, poisonQueue, observer })
    } catch (error) {
      if (error instanceof UnavailableError) isHeldUp = true
      observer.onFailure(error)
      await queue.releaseMessage(message, RETRY_SECONDS)
    }
  }

  return {
    start(): void {
      running ??= watch()
    },
    /** Leases nothing more, and resolves when what is held is finished, after 10 s at most. The rest is delivered again. */
    async stop(): Promise<void> {
      stopping.abort()
      const finish = async () => {
        await running
        await Promise.all(inFlight)
      }
      const patience = new AbortController()
      const timeUp = sleep(STOP_WITHIN_MS, undefined, { signal: patience.signal }).catch(() => undefined)
      await Promise.race([finish(), timeUp])
      patience.abort()
    },
    /** Milliseconds since the queue last answered. */
    get silentMs(): number {
      return Date.now() - polledAtMs
    },
  }
}

/** From 50 ms up to the longest, so that a code waits about a tenth of the time that nothing came before it. */
function nextPause(pauseMs: number, longestMs: number): number {
  return Math.min(longestMs, Math.max(SHORTEST_PAUSE_MS, pauseMs * PAUSE_GROWTH))
}
