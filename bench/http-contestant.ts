import { setTimeout as sleep } from 'node:timers/promises'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Load, LoadResult } from './load/load.ts'
import { portIn } from './port-in.ts'
import { type BenchProcess, startProcess } from './processes.ts'
import type { Contestant, Round } from './rounds.ts'
import { PATH } from './servers/answer.ts'

/** A warm-up sends every token once, and takes no longer than this for it. */
const MAX_WARM_UP_MS = 4_000
/** Until keys and secrets are there. */
const READY_WITHIN_MS = 10_000

const CpuUsage = Type.Object({ user: Type.Number(), system: Type.Number() })

export interface HttpContestantOptions {
  name: string
  /** The server's file, absolute. */
  server: string
  env?: Readonly<Record<string, string>>
  /** What it is sent, round after round, and how it must answer. */
  tokensFile: string
  status?: number
  /** Single tokens and the statuses of which one must answer them, found out before anything is measured. */
  checks: readonly Check[]
}

export interface Check {
  what: string
  token: string
  statuses: readonly number[]
}

/** A server in a process of its own, under load. */
export async function startHttpContestant(load: Load, options: HttpContestantOptions): Promise<Contestant> {
  const { name, status = 200, tokensFile } = options
  const server = await startProcess(options.server, options.env)
  try {
    const port = portIn(server)
    for (const check of options.checks) await assertAnswers(name, port, check)
    return createContestant({ name, status, load, server, target: { port, path: PATH, tokensFile } })
  } catch (error) {
    await server.stop()
    throw error
  }
}

interface Parts {
  name: string
  status: number
  load: Load
  server: BenchProcess
  target: { port: number; path: string; tokensFile: string }
}

function createContestant({ name, status, load, server, target }: Parts): Contestant {
  async function run(ms: number): Promise<{ result: LoadResult; cpuMicros: number }> {
    await load.open(target)
    const before = await readCpu(server)
    const result = await load.run(ms)
    const cpuMicros = (await readCpu(server)) - before
    await load.close()
    for (const [came, count] of Object.entries(result.statuses)) {
      if (Number(came) !== status) throw new Error(`${name} answered ${came} instead of ${status}, ${count} times`)
    }
    return { result, cpuMicros }
  }

  return {
    name,
    async warmUp(ms) {
      const startedAt = performance.now()
      let { result } = await run(ms)
      while (!result.hasSentAll && performance.now() - startedAt < MAX_WARM_UP_MS) result = (await run(ms)).result
    },
    async measure(ms): Promise<Round> {
      const { result, cpuMicros } = await run(ms)
      const requests = result.statuses[status] ?? 0
      const elapsedMicros = result.elapsedMs * 1_000
      return {
        requestsPerSecond: requests / (result.elapsedMs / 1_000),
        cpuMicros: cpuMicros / requests,
        serverShare: cpuMicros / elapsedMicros,
      }
    },
    stop: () => server.stop(),
  }
}

async function readCpu(server: BenchProcess): Promise<number> {
  const { user, system } = Value.Parse(CpuUsage, await server.ask('cpu'))
  return user + system
}

async function assertAnswers(name: string, port: number, { what, token, statuses }: Check): Promise<void> {
  const headers: Record<string, string> = token === '' ? {} : { authorization: `Bearer ${token}` }
  const deadline = performance.now() + READY_WITHIN_MS
  for (;;) {
    const response = await fetch(`http://127.0.0.1:${port}${PATH}`, { headers })
    const body = await response.text()
    if (statuses.includes(response.status)) return
    const isStarting = response.status >= 500 && performance.now() < deadline
    if (!isStarting) {
      throw new Error(`${name} answered ${what} with ${response.status}, not ${statuses.join(' or ')}: ${body}`)
    }
    await sleep(100)
  }
}
