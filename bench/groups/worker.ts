import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ManagedIdentityCredential } from '@azure/identity'
import { type LocalCloud, startLocalCloud } from '../../local-cloud/cloud.ts'
import { createStorageQueue, type StorageQueue } from '../../src/azure/storage-queue.ts'
import { createCode } from '../../src/codes/code.ts'
import { compareValue } from '../comparison.ts'
import type { Group } from '../group.ts'
import { median } from '../rounds.ts'
import { freePort, readMemory } from '../service-start.ts'

const ROOT = join(import.meta.dirname, '../..')
const CODES_OF_A_WAVE = 1_000
const WAVES = 12
const QUICK_WAVES = 3
const SENDERS = 32
const LOOK_EVERY_MS = 20

interface Wave {
  codesPerSecond: number
  memory: number
}

/**
 * How many codes a second one worker makes valid on Azurite, and whether its memory stays flat. Azurite looks through all
 * its messages at every operation, so they come in waves, and the marks of one wave are gone before the next.
 */
export const worker: Group = {
  name: 'worker',
  title: 'npm run worker, on Azurite',
  async run({ effort }) {
    const cloud = await startLocalCloud()
    try {
      const waves = await measure(cloud, effort.isQuick ? QUICK_WAVES : WAVES)
      const half = Math.ceil(waves.length / 2)
      // Each is read somewhere between two collections of garbage.
      const [before, after] = [waves.slice(0, half), waves.slice(half)].map((of) =>
        median(of.map(({ memory }) => memory)),
      )
      const memory = after ?? Number.NaN
      const rate = median(waves.map(({ codesPerSecond }) => codesPerSecond))
      return {
        rows: [
          { name: 'made valid', comparisons: [compareValue(rate, 'codes/s', { atLeast: 300 })] },
          {
            name: `memory, second half of ${waves.length * CODES_OF_A_WAVE} codes`,
            comparisons: [compareValue(memory, 'MB', { atMost: 150 })],
          },
          {
            name: 'as a multiple of the first half',
            comparisons: [compareValue(memory / (before ?? Number.NaN), 'times', { atMost: 1.15 })],
          },
        ],
        raw: waves,
      }
    } finally {
      await cloud.stop()
    }
  },
}

async function measure(cloud: LocalCloud, count: number): Promise<Wave[]> {
  Object.assign(process.env, cloud.serviceEnv)
  const credential = new ManagedIdentityCredential()
  const queue = createStorageQueue({ url: cloud.storage.queueUrl, credential, messageEncoding: 'text' })
  const port = await freePort()
  // The first one leaves its compiled code for the others, as it usually is there.
  await end(await startWorker(port))
  const child = await startWorker(port)
  try {
    const waves: Wave[] = []
    while (waves.length < count) waves.push(await sendWave(queue, child, port, (waves.length + 1) * CODES_OF_A_WAVE))
    return waves
  } finally {
    await end(child)
  }
}

/** As `npm run worker` does. Resolves when it is there. */
async function startWorker(port: number): Promise<ChildProcess> {
  const child = fork('src/worker.ts', {
    cwd: ROOT,
    env: { ...process.env, NODE_ENV: 'production', METRICS_PORT: String(port), LOG_LEVEL: 'error' },
    execArgv: ['--optimize-for-size', '--import', './tools/require-node.mjs'],
    stdio: 'ignore',
  })
  while (Number.isNaN(await countMadeValid(port))) {
    if (child.exitCode !== null) throw new Error(`the worker ended (${child.exitCode})`)
    await sleep(LOOK_EVERY_MS)
  }
  return child
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM')
  await once(child, 'exit')
}

/** The worker sleeps while the messages are put on the queue. */
async function sendWave(queue: StorageQueue, child: ChildProcess, port: number, until: number): Promise<Wave> {
  child.kill('SIGSTOP')
  await fill(queue)
  const since = performance.now()
  child.kill('SIGCONT')
  while ((await countMadeValid(port)) < until) await sleep(LOOK_EVERY_MS)
  const codesPerSecond = CODES_OF_A_WAVE / ((performance.now() - since) / 1_000)
  await queue.clearMessages()
  return { codesPerSecond, memory: await readMemory(child.pid) }
}

async function fill(queue: StorageQueue): Promise<void> {
  let left = CODES_OF_A_WAVE
  const send = async () => {
    while (left > 0) {
      left -= 1
      await queue.sendMessage(JSON.stringify({ code: createCode(left), timestamp: new Date().toISOString() }))
    }
  }
  await Promise.all(Array.from({ length: SENDERS }, send))
}

/** Those of a lost answer are delivered again, and then count as repeated. NaN while the worker does not answer yet. */
async function countMadeValid(port: number): Promise<number> {
  const text = await fetch(`http://127.0.0.1:${port}/metrics`).then(
    (response) => response.text(),
    () => undefined,
  )
  if (text === undefined) return Number.NaN
  const counts = [...text.matchAll(/outcome="(?:made_valid|repeated)"} (\d+)/g)].map(([, count]) => Number(count))
  return counts.reduce((sum, count) => sum + count, 0)
}
