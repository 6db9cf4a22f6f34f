import { join } from 'node:path'
import { type LocalCloud, startLocalCloud } from '../../local-cloud/cloud.ts'
import { caller, managedIdentity, resources } from '../../local-cloud/directory.ts'
import { compareCost, compareSpeed } from '../comparison.ts'
import { type Bench, find, type Group, type Row } from '../group.ts'
import { type HttpContestantOptions, startHttpContestant } from '../http-contestant.ts'
import { portIn } from '../port-in.ts'
import { startProcess } from '../processes.ts'
import { type Measured, runRounds } from '../rounds.ts'
import type { TokenFiles } from '../tokens/token-files.ts'
import { isServed, mustRefuse } from './checks.ts'

const bench = join(import.meta.dirname, '..')
const server = (file: string) => join(bench, 'servers', file)

const FLOOR = 'undici alone, no authentication'
const SERVICE = 'the service'
const OBSERVED = 'the service, with log and metrics'
const UNOBSERVED = 'the service, with neither'
const SDK = 'the service, by fetch and QueueClient'
/** So many times longer than elsewhere: these servers have more code, which V8 compiles after some ten thousand requests. */
const WARM_UP_FACTOR = 3
/** Nobody is refused for asking too often. */
const UNLIMITED = '1000000000'

/** A whole request: token, number API, queue, answer. */
export const getcode: Group = {
  name: 'getcode',
  title: 'GET /api/v1/getcode',
  async run(context) {
    const cloud = await startLocalCloud()
    try {
      return { rows: await measure(context, cloud) }
    } finally {
      await cloud.stop()
    }
  },
}

async function measure({ load, tokens, effort }: Bench, cloud: LocalCloud): Promise<Row[]> {
  const { certFile, keyFile } = cloud.certificate
  const certificate = { BENCH_CERT_FILE: certFile, BENCH_KEY_FILE: keyFile }
  const neighbours = await startProcess(join(bench, 'stubs', 'neighbours.ts'), certificate)
  try {
    const contestants = await listContestants(cloud, tokens, `https://localhost:${portIn(neighbours)}`)
    const measured = await runRounds(
      contestants.map((options) => () => startHttpContestant(load, options)),
      { ...effort, warmUpMs: effort.warmUpMs * WARM_UP_FACTOR },
    )
    return measured.map((each) => ({ name: each.name, measured: each, comparisons: compare(each, measured) }))
  } finally {
    await neighbours.stop()
  }
}

function compare(each: Measured, all: readonly Measured[]) {
  const floor = find(all, FLOOR)
  switch (each.name) {
    case FLOOR:
      return []
    case SERVICE:
      return [compareSpeed(each, floor, { atLeast: 0.85 }), compareSpeed(each, find(all, SDK), { atLeast: 4 })]
    case OBSERVED:
      return [compareCost(each, find(all, UNOBSERVED), { atMost: 1.05 })]
    default:
      return [compareSpeed(each, floor)]
  }
}

async function listContestants(cloud: LocalCloud, tokens: TokenFiles, stubs: string): Promise<HttpContestantOptions[]> {
  const token = await cloud.tokens.forApi(caller)
  const tokensFile = await tokens.keep('local-cloud', token)
  const forged = `${token.slice(0, token.lastIndexOf('.'))}.${Buffer.alloc(256, 1).toString('base64url')}`
  const env = {
    ...cloud.serviceEnv,
    THIRD_PARTY_API_ENDPOINT: `${stubs}/api/RandomNumber`,
    STORAGE_QUEUE_URL: `${stubs}/benchmark/code-requests`,
    RATE_LIMIT_PER_MINUTE: UNLIMITED,
    BENCH_STORAGE_TOKEN: await cloud.tokens.forAzure(managedIdentity, resources.storage),
  }
  const service = { server: server('service.ts'), tokensFile, checks: [isServed(token), mustRefuse(forged)] }
  // Beside each other, what is compared: the machine is in another mood a second later.
  return [
    { name: FLOOR, server: server('getcode-floor.ts'), tokensFile, env, checks: [isServed(token)] },
    { ...service, name: SERVICE, env: { ...env, LOG_LEVEL: 'info' } },
    { ...service, name: SDK, server: server('service-by-sdk.ts'), env: { ...env, LOG_LEVEL: 'info' } },
    { ...service, name: OBSERVED, env: { ...env, LOG_LEVEL: 'info', METRICS_PORT: '0' } },
    { ...service, name: UNOBSERVED, env: { ...env, LOG_LEVEL: 'silent' } },
  ]
}
