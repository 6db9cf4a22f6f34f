import type { FastifyBaseLogger, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { Counter, Gauge, type Registry } from 'prom-client'
import type { StorageQueue } from '../azure/storage-queue.ts'
import { oldestWaitSeconds } from '../codes/queue-age.ts'
import { createSweeper } from '../codes/sweep-codes.ts'
import { createCodeWatcher, type WatchObserver } from '../codes/watch-codes.ts'

interface CodeWorkerOptions {
  poisonQueue: StorageQueue
  lifetimeSeconds: number
  /** The longest pause between two looks at an empty queue, in milliseconds. */
  idlePollMs: number
}

/** A worker that has not heard from the queue for so much longer than it may pause is not well. */
const SILENT_TOO_LONG_MS = 25_000
const SUMMARY_EVERY_MS = 60_000
/** An outage fails many messages at once and for a while; one line in this time is enough. */
const FAILURE_LINE_EVERY_MS = 10_000

declare module 'fastify' {
  interface FastifyInstance {
    codeWorker: {
      /** @throws {Error} when the worker has not heard from the queue for too long */
      assertAlive(): Promise<void>
    }
  }
}

/** Watches the queue from the moment the application is ready until it closes, and sweeps the table. */
const codeWorker: FastifyPluginAsync<CodeWorkerOptions> = async (app, options) => {
  const counters = createCounters(app.metrics)
  const journal = createJournal(app.log)
  const observer: WatchObserver = {
    onOutcome(outcome) {
      counters.outcomes.inc({ outcome })
      journal.count(outcome)
    },
    onPoison(reason, messageId) {
      counters.outcomes.inc({ outcome: 'poisoned' })
      journal.count('poisoned')
      app.log.warn({ reason, messageId }, 'a message went to the poison queue')
    },
    onFailure(error) {
      counters.failures.inc()
      journal.fail(error)
    },
  }
  const watcher = createCodeWatcher({ ...options, queue: app.queue, table: app.codesTable, observer })
  const sweeper = createSweeper({
    table: app.codesTable,
    onSwept: (count) => counters.swept.inc(count),
    onFailure: observer.onFailure,
  })
  measureWaiting(app.metrics, app.queue)

  app.decorate('codeWorker', {
    async assertAlive() {
      if (watcher.silentMs > options.idlePollMs + SILENT_TOO_LONG_MS) throw new Error('the queue does not answer')
    },
  })
  app.addHook('onReady', async () => {
    // The first code need not wait for the table's token and connection.
    app.codesTable.assertReady().catch(observer.onFailure)
    watcher.start()
    sweeper.start()
  })
  app.addHook('onClose', async () => {
    await Promise.all([watcher.stop(), sweeper.stop()])
    journal.stop()
  })
}

function createCounters(registry: Registry) {
  const registers = [registry]
  return {
    outcomes: new Counter({
      name: 'codes_messages_total',
      help: 'Messages handled, by what became of their codes.',
      labelNames: ['outcome'],
      registers,
    }),
    failures: new Counter({ name: 'codes_failures_total', help: 'Tries that failed and are repeated.', registers }),
    swept: new Counter({ name: 'codes_swept_total', help: 'Rows of past codes that were deleted.', registers }),
  }
}

function measureWaiting(registry: Registry, queue: StorageQueue): void {
  new Gauge({
    name: 'codes_oldest_message_age_seconds',
    help: 'How long the message that has waited longest has been visible; not set while the queue is out of reach.',
    registers: [registry],
    async collect() {
      await oldestWaitSeconds(queue).then(
        (seconds) => this.set(seconds),
        () => this.set(Number.NaN),
      )
    },
  })
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
    fail(error: unknown): void {
      this.count('failed')
      if (Date.now() - failureLineAtMs < FAILURE_LINE_EVERY_MS) return
      failureLineAtMs = Date.now()
      log.warn({ err: error }, 'failed, and is tried again')
    },
    stop: () => clearInterval(timer),
  }
}

export default fp(codeWorker, {
  name: 'code-worker',
  fastify: '5.x',
  dependencies: ['storage-queue', 'codes-table', 'metrics'],
})
