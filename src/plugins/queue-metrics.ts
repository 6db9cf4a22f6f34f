import { Gauge, type Registry } from 'prom-client'
import { withDeadline } from '../azure/deadline.ts'
import type { StorageQueue } from '../azure/storage-queue.ts'
import { oldestWaitSeconds } from '../codes/queue-age.ts'

/** Two who scrape at a time, or one in a hurry, do not ask the queue twice. */
const ASK_EVERY_MS = 5_000
/** Prometheus waits 10 s for all of a process's metrics. */
const ANSWER_WITHIN_MS = 2_000

/** What the queues themselves say of their messages. Asked when somebody scrapes, and never waited for long. */
export function measureQueues(registry: Registry, queues: readonly StorageQueue[]): void {
  measure(registry, queues, {
    name: 'codes_oldest_message_age_seconds',
    help: 'How long the message that has waited longest has been visible; not a number while the queue is out of reach.',
    ask: (queue) => oldestWaitSeconds(queue),
  })
  measure(registry, queues, {
    name: 'codes_queue_messages',
    help: 'Messages on the queue, those that are hidden until their code ends too; not a number while it is out of reach.',
    ask: (queue) => queue.countMessages(),
  })
}

interface Measurement {
  name: string
  help: string
  ask: (queue: StorageQueue) => Promise<number>
}

function measure(registry: Registry, queues: readonly StorageQueue[], { name, help, ask }: Measurement): void {
  const readers = queues.map((queue) => {
    const read = keepFor(ASK_EVERY_MS, () => withDeadline(() => ask(queue), ANSWER_WITHIN_MS).catch(() => Number.NaN))
    return { queue: queue.name, read }
  })
  new Gauge({
    name,
    help,
    labelNames: ['queue'],
    aggregator: 'max',
    registers: [registry],
    async collect() {
      await Promise.all(readers.map(async ({ queue, read }) => this.set({ queue }, await read())))
    },
  })
}

function keepFor<T>(keepMs: number, read: () => Promise<T>): () => Promise<T> {
  let kept: Promise<T> | undefined
  let readAtMs = Number.NEGATIVE_INFINITY
  return () => {
    if (kept === undefined || performance.now() - readAtMs >= keepMs) {
      readAtMs = performance.now()
      kept = read()
    }
    return kept
  }
}
