import type { FastifyBaseLogger, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { Counter, type Registry } from 'prom-client'
import type { StorageQueue } from '../azure/storage-queue.ts'
import type { ContinueTrace } from '../codes/advance-code.ts'
import { createSweeper } from '../codes/sweep-codes.ts'
import { createCodeWatcher, type WatchObserver } from '../codes/watch-codes.ts'

interface CodeWorkerOptions {
  /** Where the messages go that are given up, for each queue. */
  openPoisonQueue(queue: StorageQueue): StorageQueue
  lifetimeSeconds: number
  /** The longest pause between two looks at an empty queue, in milliseconds. */
  idlePollMs: number
  continueTrace?: ContinueTrace | undefined
}

/** A worker that has not heard from a queue for so much longer than it may pause is not well. */
const SILENT_TOO_LONG_MS = 25_000
const SUMMARY_EVERY_MS = 60_000
/** An outage fails many messages at once and for a while; one line in this time is enough. */
const FAILURE_LINE_EVERY_MS = 10_000

const ALARMING = ['too_late', 'poisoned']

declare module 'fastify' {
  interface FastifyInstance {
    codeWorker: {
      /** @throws {Error} when the worker has not heard from one of its queues for too long */
      assertAlive(): Promise<void>
    }
  }
}

/** Watches every queue from the moment the application is ready until it closes, and sweeps the table. */
const codeWorker: FastifyPluginAsync<CodeWorkerOptions> = async (app, options) => {
  const counters = createCounters(
    app.metrics,
    app.queue.all.map(({ name }) => name),
  )
  const journal = createJournal(app.log)
  function fail(error: unknown, queue?: string): void {
    counters.failures.inc()
    journal.fail(error, queue)
  }
  const observe = (queue: string): WatchObserver => ({
    onOutcome(outcome) {
      counters.outcomes.inc({ queue, outcome })
      journal.count(outcome)
    },
    onPoison(reason, messageId) {
      counters.outcomes.inc({ queue, outcome: 'poisoned' })
      journal.count('poisoned')
      app.log.warn({ reason, messageId, queue }, 'a message went to the poison queue')
    },
    onFailure: (error) => fail(error, queue),
  })
  const watches = app.queue.all.map((queue) => {
    const poisonQueue = options.openPoisonQueue(queue)
    const stores = { queue, poisonQueue, table: app.codesTable }
    return { queue, poisonQueue, watcher: createCodeWatcher({ ...options, ...stores, observer: observe(queue.name) }) }
  })
  const sweeper = createSweeper({
    table: app.codesTable,
    onSwept: (count) => counters.swept.inc(count),
    onFailure: (error) => fail(error),
  })

  app.decorate('codeWorker', {
    async assertAlive() {
      const silent = watches.filter(({ watcher }) => watcher.silentMs > options.idlePollMs + SILENT_TOO_LONG_MS)
      const names = silent.map(({ queue }) => queue.name)
      if (names.length > 0) throw new Error(`no answer of ${names.join(', ')}`)
    },
  })
  app.addHook('onReady', async () => {
    // The first code need not wait for the table's token and connection.
    app.codesTable.assertReady().catch((error: unknown) => fail(error))
    for (const { watcher } of watches) watcher.start()
    sweeper.start()
  })
  app.addHook('onClose', async () => {
    await Promise.all([sweeper.stop(), ...watches.map(({ watcher }) => watcher.stop())])
    await Promise.all(watches.map(({ poisonQueue }) => poisonQueue.close()))
    journal.stop()
  })
}

function createCounters(registry: Registry, queueNames: readonly string[]) {
  const registers = [registry]
  const outcomes = new Counter({
    name: 'codes_messages_total',
    help: 'Messages handled, by what became of their codes.',
    labelNames: ['queue', 'outcome'],
    registers,
  })
  // From nothing to one is no increase for Prometheus, and the first one is what somebody must hear of.
  for (const queue of queueNames) for (const outcome of ALARMING) outcomes.inc({ queue, outcome }, 0)
  return {
    outcomes,
    failures: new Counter({ name: 'codes_failures_total', help: 'Tries that failed and are repeated.', registers }),
    swept: new Counter({ name: 'codes_swept_total', help: 'Rows of past codes that were deleted.', registers }),
  }
}

/** What the worker did, in a line a minute, and what failed, in a line every ten seconds at most. */
function createJournal(log: FastifyBaseLogger) {
  let counts: Record<string, number> = {}
  let failureLineAtMs = Number.NEGATIVE_INFINITY
  const timer = setInterval(() => {
    if (Object.keys(counts).length > 0) log.info(counts, 'codes in the last minute')
    counts = {}
  }, SUMMARY_EVERY_MS).unref()
  return {
    count(what: string): void {
      counts[what] = (counts[what] ?? 0) + 1
    },
    fail(error: unknown, queue: string | undefined): void {
      this.count('failed')
      if (Date.now() - failureLineAtMs < FAILURE_LINE_EVERY_MS) return
      failureLineAtMs = Date.now()
      log.warn({ err: error, ...(queue !== undefined && { queue }) }, 'failed, and is tried again')
    },
    stop: () => clearInterval(timer),
  }
}

export default fp(codeWorker, {
  name: 'code-worker',
  fastify: '5.x',
  dependencies: ['storage-queue', 'codes-table', 'metrics'],
})
