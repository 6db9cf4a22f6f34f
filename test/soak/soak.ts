/**
 * `npm run soak -- --minutes 10`: the API and two workers, callers good and bad, and now and then a neighbour at fault or a
 * worker killed. Ends with 0 when nothing was lost, nothing was served that should not have been, and nothing grew.
 */
import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { createCredential } from '../../src/azure/credential.ts'
import { createStorageTable } from '../../src/azure/storage-table.ts'
import { digestOf, keysOf } from '../../src/codes/code-record.ts'
import { createFaultSwitch, type FaultName } from '../faults/faults.ts'
import type { Running } from '../helpers/processes.ts'
import { neighbours, startProxiedCloud } from '../helpers/proxied-cloud.ts'
import { createSecrecy } from '../helpers/secrets.ts'
import { startService } from '../helpers/service.ts'
import { startWorkerProcess } from '../helpers/worker.ts'
import { createLedger } from './ledger.ts'
import { createTraffic } from './traffic.ts'
import { watched, watchVitals } from './watch.ts'

const CALLERS = 12
/** Enough to keep up while a look takes as long as a silent neighbour lets it. */
const VERIFIERS = 16
/** The longest pause of a caller: some 80 requests a second, which leave the emulator of the storage account time to breathe. */
const PAUSE_MS = 250
/** So that codes end too, and their messages do not pile up in the emulator. */
const LIFETIME_SECONDS = 120
const SAMPLE_EVERY_MS = 3_000
const DRAIN_MS = 60_000
const RECOVERS_WITHIN_MS = 10_000
/** When the emulator itself is that slow, the machine is too busy to say anything of the service. */
const STORAGE_STARVED_MS = 1_000
/** In a shorter run a process is still warming up, and its growth says nothing. */
const GROWTH_SHOWS_AFTER_MINUTES = 5
const MAX_BYTES_PER_MINUTE = 2 * 1_024 * 1_024
/** Two pools of 40 connections, and what Azure's clients keep open. */
const MAX_MORE_HANDLES = 120
const FAULTS: readonly FaultName[] = [
  ...(['refuse', 'reset', 'black hole', 'latency', 'slow drip', 'half-close'] as const),
  ...(['status 429', 'status 500', 'nonsense'] as const),
]

const { values } = parseArgs({ options: { minutes: { type: 'string', default: '10' } } })
const minutes = Number(values.minutes)
const endsAtMs = Date.now() + minutes * 60_000
const cleanups: Array<() => unknown> = []
const t = { after: (fn: () => unknown) => cleanups.unshift(fn) }

const proxied = await startProxiedCloud(t)
const { cloud, env } = proxied
const { AZURE_TOKEN_CREDENTIALS, IDENTITY_ENDPOINT, IDENTITY_HEADER } = cloud.serviceEnv
Object.assign(process.env, { AZURE_TOKEN_CREDENTIALS, IDENTITY_ENDPOINT, IDENTITY_HEADER })
const table = createStorageTable({ url: cloud.storage.tableUrl, credential: createCredential() })
// Its token is there before the identity is at fault.
await table.assertReady()
const secrecy = createSecrecy(cloud)
const settings = {
  ...env,
  ...watched,
  RATE_LIMIT_PER_MINUTE: '1000000',
  TOKEN_CACHE_SIZE: '500',
  CODE_LIFETIME_SECONDS: String(LIFETIME_SECONDS),
}
const api = await startService(t, cloud, settings)
const startWorker = () => startWorkerProcess(t, cloud, settings)
const firstWorker = startWorker()
/** The last one of them is killed now and then. */
const workers: Running[] = [firstWorker, startWorker()]
const gone: Running[] = []
const traffic = await createTraffic(cloud, api.url, note)
const ledger = createLedger({
  verify: traffic.verify,
  // When the table cannot say, it is asked again.
  isUsed: async (code) => (await stateOf(code).catch(() => undefined)) === 'used',
})

const watchedProcesses = [
  { name: 'API', vitals: watchVitals(api) },
  { name: 'worker', vitals: watchVitals(firstWorker) },
]

let faultCount = 0
const counts = { requests: 0, unexpected: new Map<string, number>() }
const durations: number[] = []
let slowestRecoveryMs = 0
let starved = 0
let isServing = true

async function call(): Promise<void> {
  while (Date.now() < endsAtMs) {
    await sleep(randomInt(PAUSE_MS))
    const kind = traffic.next()
    counts.requests += 1
    try {
      const answer = await kind.send()
      durations.push(answer.durationMs)
      if (kind.name === 'getcode' && answer.code !== undefined) ledger.add(answer.code)
      else assertSilent(answer.body)
      if (!kind.expected.some((pattern) => pattern.test(answer.summary))) note(`${kind.name}: ${answer.summary}`)
    } catch (error) {
      note(`${kind.name}: ${String(error)}`)
    }
  }
}

function note(what: string): void {
  counts.unexpected.set(what, (counts.unexpected.get(what) ?? 0) + 1)
}

function assertSilent(text: string): void {
  try {
    secrecy.assertNoneIn(text, 'an answer')
  } catch (error) {
    note(String(error))
  }
}

/** One fault at a time, of any neighbour. */
async function breakThings(): Promise<void> {
  const switches = await Promise.all(
    neighbours.map(async (name) => ({ name, ...(await createFaultSwitch(t, proxied, name)) })),
  )
  await sleep(5_000)
  while (Date.now() < endsAtMs - RECOVERS_WITHIN_MS) {
    const { name, on, off } = pick(switches)
    const fault = pick(FAULTS)
    faultCount += 1
    process.stdout.write(`${name}: ${fault}\n`)
    await on(fault)
    await sleep(randomInt(1_000, 5_000))
    if (randomInt(3) === 0) replaceWorker()
    await off()
    await recover(`${name}: ${fault}`)
    await sleep(randomInt(500, 3_000))
  }
}

async function recover(fault: string): Promise<void> {
  const since = Date.now()
  let slowestStorageMs = 0
  for (;;) {
    const [problem, storageMs] = await Promise.all([traffic.probe(), measureStorage()])
    slowestStorageMs = Math.max(slowestStorageMs, storageMs)
    if (problem === '') break
    if (Date.now() - since > RECOVERS_WITHIN_MS) {
      if (slowestStorageMs < STORAGE_STARVED_MS) note(`10 s after ${fault} still ${problem}`)
      else starved += 1
      return
    }
    await sleep(50)
  }
  slowestRecoveryMs = Math.max(slowestRecoveryMs, Date.now() - since)
}

/** How long the storage account's emulator takes when it is asked past every proxy. */
async function measureStorage(): Promise<number> {
  const since = performance.now()
  await table.readClock().catch(() => undefined)
  return performance.now() - since
}

function replaceWorker(): void {
  const worker = workers.pop()
  if (worker === undefined) return
  worker.child.kill('SIGKILL')
  gone.push(worker)
  workers.push(startWorker())
}

async function sample(): Promise<void> {
  while (isServing) {
    for (const { vitals } of watchedProcesses) await vitals.sample().catch((error: unknown) => note(String(error)))
    await sleep(SAMPLE_EVERY_MS)
  }
}

function percentile(share: number): string {
  const sorted = durations.toSorted((a, b) => a - b)
  return `${(sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(1)} ms`
}

function toMiB(bytes = 0): string {
  return `${(bytes / 1_024 ** 2).toFixed(1)} MiB`
}

async function stop({ child, exited }: Running, name: string): Promise<void> {
  child.kill('SIGTERM')
  const status = await exited
  if (status !== 0) note(`${name} ended with ${status}`)
}

/** @returns what does not hold */
function findFaults(): string[] {
  const faults = [...counts.unexpected].map(([what, count]) => `${count} × ${what}`)
  if (ledger.issued === 0) faults.push('no code was issued')
  if (lost.length > 0) faults.push(`${lost.length} codes were lost: ${JSON.stringify(whereabouts)}`)
  if (ledger.validTwice > 0) faults.push(`${ledger.validTwice} codes were valid twice`)
  for (const { name, vitals } of watchedProcesses) {
    const moreHandles = (vitals.last?.handles ?? 0) - (vitals.first?.handles ?? 0)
    const grows = minutes >= GROWTH_SHOWS_AFTER_MINUTES && vitals.bytesPerMinute > MAX_BYTES_PER_MINUTE
    if (grows) faults.push(`${name}: the memory grows`)
    if (moreHandles > MAX_MORE_HANDLES) faults.push(`${name}: ${moreHandles} more handles than at the start`)
  }
  return faults
}

async function stateOf(code: string): Promise<string> {
  return String((await table.find(keysOf(digestOf(code))))?.properties['state'])
}

function pick<T>(items: readonly T[]): T {
  const item = items[randomInt(items.length)]
  if (item === undefined) throw new Error('nothing to choose from')
  return item
}

process.stdout.write(`Callers, faults and kills for ${values.minutes} min.\n`)
const isOver = () => !isServing
const verifying = Array.from({ length: VERIFIERS }, () => ledger.work(isOver))
const sampling = sample()
await Promise.all([breakThings(), ...Array.from({ length: CALLERS }, call)])
const drainedBy = Date.now() + DRAIN_MS
while (ledger.open.length > 0 && Date.now() < drainedBy) await sleep(100)
isServing = false
await Promise.all([...verifying, sampling])
const lost = ledger.open
await stop(api, 'the API')
for (const worker of workers) await stop(worker, 'a worker')
secrecy.add(...traffic.secrets)
for (const { output } of [api, ...workers, ...gone]) assertSilent(output())

const whereabouts: Record<string, number> = {}
for (const code of lost) {
  const state = await stateOf(code)
  whereabouts[state] = (whereabouts[state] ?? 0) + 1
}
const faults = findFaults()
const vitalLines = watchedProcesses.map(
  ({ name, vitals: { first, last, bytesPerMinute } }) =>
    `${name.padEnd(10)}${toMiB(first?.bytes)} at first, ${toMiB(last?.bytes)} at last, ${toMiB(bytesPerMinute)} a minute; ` +
    `handles ${first?.handles} at first, ${last?.handles} at last`,
)
process.stdout.write(`
requests  ${counts.requests}
codes     ${ledger.issued}
losses    ${lost.length}
p50       ${percentile(0.5)}
p99       ${percentile(0.99)} (a call out may take 5 s, and waits that long for a neighbour that is silent)
faults    ${faultCount}, everybody served again at most ${(slowestRecoveryMs / 1_000).toFixed(1)} s later; ${gone.length} workers killed
starved   ${starved} times the storage emulator itself was too slow to judge by
${vitalLines.join('\n')}

${faults.length === 0 ? 'All holds.' : `Does not hold:\n${faults.join('\n')}`}
`)
for (const clean of cleanups) await clean()
process.exit(faults.length === 0 ? 0 : 1)
