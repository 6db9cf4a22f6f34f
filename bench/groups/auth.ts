import { join } from 'node:path'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { addCosts, type Costs, compareCost, compareSpeed } from '../comparison.ts'
import { type Bench, find, type Group } from '../group.ts'
import { startHttpContestant } from '../http-contestant.ts'
import { startProcess } from '../processes.ts'
import { type Contestant, type Measured, type Round, runRounds } from '../rounds.ts'
import { createPublicEnv } from '../tokens/identity.ts'
import { badSignature, goodToken, isServed, mustRefuse } from './checks.ts'

const servers = join(import.meta.dirname, '..', 'servers')

const OPEN = 'Fastify, no authentication'
/** Sent the same requests: tokens of 10,000 callers fill the processor's caches on their way too. */
const OPEN_TO_MANY = 'Fastify, open to 10,000 callers'
const HOT = 'protected, 1 caller'
const TEN_THOUSAND = 'protected, 10,000 callers'
const COLD = 'protected, no token cached'
const SIGNATURE = 'crypto.verify alone'
type Callers = ReadonlyArray<[name: string, count: number]>
const FEW: Callers = [
  [HOT, 1],
  ['protected, 100 callers', 100],
]
const MANY: Callers = [
  [TEN_THOUSAND, 10_000],
  ['protected, 100,000 callers', 100_000],
]

/** What authentication costs beside the same route without it. */
export const auth: Group = {
  name: 'auth',
  title: 'a protected route',
  async run(bench) {
    const measured = await runRounds(await listContestants(bench), bench.effort)
    const open = find(measured, OPEN)
    const floor = addCosts(`${SIGNATURE} + open route`, find(measured, SIGNATURE), open)
    const references = { open, openToMany: find(measured, OPEN_TO_MANY), floor }
    return {
      rows: measured.map((each) => ({ name: each.name, measured: each, comparisons: compare(each, references) })),
    }
  },
}

interface References {
  open: Measured
  openToMany: Measured
  floor: Costs
}

function compare(each: Measured, { open, openToMany, floor }: References) {
  switch (each.name) {
    case HOT:
      return [compareSpeed(each, open, { atLeast: 0.92 })]
    case TEN_THOUSAND:
      return [compareSpeed(each, openToMany, { atLeast: 0.9 })]
    case COLD:
      return [compareCost(each, floor, { atMost: 1.5 })]
    case OPEN:
    case SIGNATURE:
      return []
    default:
      return [compareSpeed(each, open)]
  }
}

async function listContestants({ load, tokens }: Bench): Promise<Array<() => Promise<Contestant>>> {
  const env = createPublicEnv(tokens.identity)
  const one = await tokens.file('good', 1)
  const good = await goodToken(tokens)
  const bad = await badSignature(tokens)
  const many = await tokens.file('good', 10_000)
  const openly = { tokensFile: one, checks: [isServed(good)] }
  const open = { ...openly, server: join(servers, 'fastify-open.ts') }
  const behindPlugin = { server: join(servers, 'fastify-entra.ts'), checks: [isServed(good), mustRefuse(bad)] }
  const tokensOf = (callers: Callers) =>
    Promise.all(callers.map(async ([name, count]) => ({ name, tokensFile: await tokens.file('good', count) })))
  const [few, more] = [await tokensOf(FEW), await tokensOf(MANY)]
  // Beside each other, what is compared: the machine is in another mood a second later.
  return [
    () => startHttpContestant(load, { name: 'node:http', server: join(servers, 'node-http.ts'), ...openly }),
    () => startHttpContestant(load, { ...open, name: OPEN }),
    ...few.map((each) => () => startHttpContestant(load, { ...behindPlugin, ...each, env })),
    () => startHttpContestant(load, { ...open, name: OPEN_TO_MANY, tokensFile: many }),
    ...more.map((each) => () => startHttpContestant(load, { ...behindPlugin, ...each, env })),
    () => startHttpContestant(load, { ...behindPlugin, name: COLD, tokensFile: many, env: withoutCache(env) }),
    () => startSignature({ ...env, BENCH_TOKENS_FILE: one }),
  ]
}

function withoutCache(env: Record<string, string>): Record<string, string> {
  return { ...env, BENCH_TOKEN_CACHE: 'off' }
}

const SignatureResult = Type.Object({ count: Type.Integer(), elapsedMs: Type.Number(), cpuMicros: Type.Number() })

/** Runs in its own process like a server, and is asked for its work instead of being sent requests. */
async function startSignature(env: Record<string, string>): Promise<Contestant> {
  const child = await startProcess(join(servers, 'signature.ts'), env)
  async function measure(ms: number): Promise<Round> {
    const { count, elapsedMs, cpuMicros } = Value.Parse(SignatureResult, await child.ask('run', ms))
    return {
      requestsPerSecond: count / (elapsedMs / 1_000),
      cpuMicros: cpuMicros / count,
      serverShare: cpuMicros / (elapsedMs * 1_000),
    }
  }
  return {
    name: SIGNATURE,
    async warmUp(ms) {
      await measure(ms / 4)
    },
    measure: (ms) => measure(ms / 2),
    stop: () => child.stop(),
  }
}
