import { join } from 'node:path'
import { startLocalCloud } from '../../local-cloud/cloud.ts'
import { caller } from '../../local-cloud/directory.ts'
import { compareValue } from '../comparison.ts'
import type { Group } from '../group.ts'
import { type Arrival, sendAtRate } from '../load/arrivals.ts'
import { portIn } from '../port-in.ts'
import { startProcess } from '../processes.ts'
import { PATH } from '../servers/answer.ts'

const bench = join(import.meta.dirname, '..')
/** As a service elsewhere may take; long beside the time that this machine takes for a request. */
const NUMBER_API_MS = 50
/** What the service has to the number API: it can ask so many times in `NUMBER_API_MS`. */
const CONNECTIONS = 40
const CAPACITY = (CONNECTIONS / NUMBER_API_MS) * 1_000
const MS = 4_000
const QUICK_MS = 1_500
/** The first second opens connections, and is that of a burst. */
const SETTLED_AFTER_MS = 1_000

/** What whoever is let in waits, while twice as many come as the number API can serve. */
export const overload: Group = {
  name: 'overload',
  title: `getcode with a number API of ${NUMBER_API_MS} ms, ${CAPACITY} requests a second at most`,
  async run({ effort }) {
    const cloud = await startLocalCloud()
    const { certFile, keyFile } = cloud.certificate
    const neighbours = await startProcess(join(bench, 'stubs', 'neighbours.ts'), {
      BENCH_CERT_FILE: certFile,
      BENCH_KEY_FILE: keyFile,
      BENCH_NUMBER_API_MS: String(NUMBER_API_MS),
    })
    const stubs = `https://localhost:${portIn(neighbours)}`
    const service = await startProcess(join(bench, 'servers', 'service.ts'), {
      ...cloud.serviceEnv,
      THIRD_PARTY_API_ENDPOINT: `${stubs}/api/RandomNumber`,
      STORAGE_QUEUE_URL: `${stubs}/benchmark/code-requests`,
      RATE_LIMIT_PER_MINUTE: '1000000000',
    })
    try {
      const callers = await Promise.all(
        Array.from({ length: 20 }, (_, i) => cloud.tokens.forApi(caller, { azp: `caller-${i}` })),
      )
      const port = portIn(service)
      const ms = effort.isQuick ? QUICK_MS : MS
      const send = (perSecond: number) => sendAtRate(port, callers.map(toRequest), perSecond, SETTLED_AFTER_MS + ms)
      await send(CAPACITY / 4)
      const unloaded = (await send(CAPACITY / 10)).filter(isServed)
      const all = (await send(CAPACITY * 2)).filter(({ dueAtMs }) => dueAtMs >= SETTLED_AFTER_MS)
      const served = all.filter(isServed)
      const odd = all.find(({ status }) => status !== 200 && status !== 503)
      if (odd !== undefined) throw new Error(`an answer with status ${odd.status}`)
      return {
        rows: [
          { name: 'p99 at a tenth of that', comparisons: [compareValue(p99(unloaded), 'ms')] },
          { name: 'p99 of those let in at twice that', comparisons: [compareValue(p99(served), 'ms')] },
          {
            name: 'as a multiple',
            comparisons: [compareValue(p99(served) / p99(unloaded), 'times', { atMost: 3 })],
          },
          {
            name: 'p99 of those refused',
            comparisons: [compareValue(p99(all.filter((each) => !isServed(each))), 'ms')],
          },
          { name: 'served', comparisons: [compareValue((served.length / ms) * 1_000, 'codes/s')] },
        ],
      }
    } finally {
      await Promise.all([service.stop(), neighbours.stop(), cloud.stop()])
    }
  },
}

const toRequest = (token: string) => `GET ${PATH} HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer ${token}\r\n\r\n`

const isServed = ({ status }: Arrival) => status === 200

/** Of the latencies, in milliseconds. */
function p99(arrivals: readonly Arrival[]): number {
  const sorted = arrivals.map(({ latencyMs }) => latencyMs).sort((a, b) => a - b)
  return sorted[Math.ceil(sorted.length * 0.99) - 1] ?? Number.NaN
}
