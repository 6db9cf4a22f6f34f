import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually, type Running } from '../helpers/processes.ts'
import { type Neighbour, startProxiedCloud } from '../helpers/proxied-cloud.ts'
import { createSecrecy } from '../helpers/secrets.ts'
import { startService } from '../helpers/service.ts'
import { startWorkerProcess } from '../helpers/worker.ts'
import { createCallers, type Endpoint } from './callers.ts'
import { createFaultSwitch } from './faults.ts'
import { columns, type Row } from './matrix.ts'

/** `/readyz` asks each neighbour once in this time (readiness.ts). */
const READINESS_AGE_MS = 2_000
const READINESS_LOOKS = 3
const RECOVERS_WITHIN_MS = 10_000
/** At the start all lanes and other tests begin at once, and nothing is measured yet. */
const STARTS_WITHIN_MS = 60_000

type Test = { after(fn: () => unknown): void }

export interface SeenRow {
  neighbour: Neighbour
  row: Row
  seen: readonly string[]
  /** How long after the fault everybody was served again; undefined when that took more than 10 s. */
  recoveredAfterMs: number | undefined
}

/** A cloud, a service and a worker for the faults of one neighbour; they are well when this resolves. */
export async function openLane(t: Test, neighbour: Neighbour) {
  const proxied = await startProxiedCloud(t)
  const { cloud } = proxied
  const faults = await createFaultSwitch(t, proxied, neighbour)
  const secrecy = createSecrecy(cloud)
  const env = { ...proxied.env, LOG_LEVEL: 'debug', RATE_LIMIT_PER_MINUTE: '1000000' }
  let service = await startService(t, cloud, env)
  const worker = startWorkerProcess(t, cloud, env)
  const ended: Running[] = []
  const callers = createCallers(cloud, () => service.url)

  async function restart(): Promise<void> {
    ended.push(service)
    await stop(service)
    service = await startService(t, cloud, env)
  }

  /** @returns the milliseconds that it took until everybody was served, or undefined when that took longer */
  async function recover(withinMs = RECOVERS_WITHIN_MS): Promise<number | undefined> {
    const since = Date.now()
    const isWell = async (endpoint: Endpoint) => {
      const answer = await callers.ask(endpoint)
      return answer === (endpoint === 'forged' ? '401 token_signature' : '200')
    }
    const looks = columns.map((endpoint) => eventually(() => isWell(endpoint), endpoint, withinMs))
    return await Promise.all(looks).then(
      () => Date.now() - since,
      () => undefined,
    )
  }

  /** It knows of a fault some seconds later than those whom it hits. */
  async function watchReadiness(expected: string | undefined): Promise<string> {
    await sleep(READINESS_AGE_MS)
    let answer = await callers.ask('readyz')
    for (let look = 0; look < READINESS_LOOKS && answer !== expected; look += 1) {
      await sleep(READINESS_AGE_MS)
      answer = await callers.ask('readyz')
    }
    return answer
  }

  async function breakOnce(row: Row): Promise<SeenRow> {
    const [fault, when, ...answers] = row
    if (when === 'at start') await faults.on(fault)
    if (when !== 'later') await restart()
    if (when === 'anew') await recover()
    // It listens before it has the issuers' keys, and a busy machine takes a while to read them.
    if (when === 'at start') await eventually(async () => (await callers.ask('forged')) === answers.at(-1), 'the keys')
    if (when !== 'at start') await faults.on(fault)
    const looks = columns.map((endpoint, index) =>
      endpoint === 'readyz' ? watchReadiness(answers[index]) : callers.ask(endpoint),
    )
    const seen = await Promise.all(looks)
    await faults.off()
    secrecy.addVault()
    return { neighbour, row, seen, recoveredAfterMs: await recover() }
  }

  async function assertNothingIsLost(): Promise<void> {
    let open = [...callers.codes]
    const settle = async () => {
      const answers = await Promise.all(open.map(callers.verify))
      open = open.filter((_, index) => answers[index] !== true)
      return open.length === 0
    }
    await eventually(settle, `${neighbour}: every code that was handed out becomes valid`, 20_000)
    for (const code of callers.codes) assert.equal(await callers.verify(code), false, 'and that once')
  }

  function assertNothingIsTold(): void {
    secrecy.add(...callers.tokens.flatMap((token) => token.split('.').slice(1)))
    secrecy.assertNoneIn(callers.bodies.join('\n'), 'an answer')
    secrecy.add(...callers.codes)
    for (const { output } of [service, worker, ...ended]) {
      secrecy.assertNoneIn(output(), `what a process wrote while ${neighbour} failed`)
      assert.doesNotMatch(output(), /unhandled|nothing caught|"problem":"internal"/i)
    }
  }

  assert.notEqual(
    await recover(STARTS_WITHIN_MS),
    undefined,
    `well before ${neighbour} fails: ${service.output().slice(-2_000)}`,
  )
  return {
    /** One fault after the other, and then what must hold after them all. */
    async breakAll(rows: readonly Row[]): Promise<SeenRow[]> {
      const seen: SeenRow[] = []
      for (const row of rows) seen.push(await breakOnce(row))
      await assertNothingIsLost()
      for (const running of [service, worker]) await stop(running)
      assertNothingIsTold()
      return seen
    },
  }
}

/** @throws when it does not end with 0, within the time that it has for that */
async function stop({ child, exited, output }: Running): Promise<void> {
  child.kill('SIGTERM')
  assert.equal(await exited, 0, output().slice(-2_000))
}
