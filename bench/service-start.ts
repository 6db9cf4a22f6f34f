import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from './load/connection.ts'
import { portOf } from './port-of.ts'

const ROOT = join(import.meta.dirname, '..')
/** Often enough for the figure, and seldom enough to leave the core to the service. */
const POLL_EVERY_MS = 2
const GIVE_UP_MS = 20_000

/** Seconds since the process was started, and megabytes of memory that it holds in RAM. */
export interface ServiceStart {
  secondsToAnswer: number
  memoryAtAnswer: number
  secondsToReady: number
  memoryAtReady: number
}

/**
 * Starts the service until it is ready, and ends it.
 * @param script what Node is given, in this project: `src/server.ts` as `npm start` does, or what is deployed
 */
export async function startService(
  serviceEnv: Readonly<Record<string, string>>,
  script: string,
): Promise<ServiceStart> {
  const port = await freePort()
  const startedAt = performance.now()
  const child = spawn(process.execPath, ['--import', './tools/require-node.mjs', script], {
    cwd: ROOT,
    env: { ...process.env, ...serviceEnv, NODE_ENV: 'production', PORT: String(port) },
    stdio: 'ignore',
  })
  const ended = once(child, 'exit')
  try {
    await until(port, '/healthz')
    const secondsToAnswer = (performance.now() - startedAt) / 1_000
    const memoryAtAnswer = await readMemory(child.pid)
    await until(port, '/readyz')
    const secondsToReady = (performance.now() - startedAt) / 1_000
    return { secondsToAnswer, memoryAtAnswer, secondsToReady, memoryAtReady: await readMemory(child.pid) }
  } finally {
    child.kill('SIGKILL')
    await ended
  }
}

async function until(port: number, path: string): Promise<void> {
  const deadline = performance.now() + GIVE_UP_MS
  while (!(await isServed(port, path).catch(() => false))) {
    if (performance.now() > deadline) throw new Error(`the service does not serve ${path}`)
    await sleep(POLL_EVERY_MS)
  }
}

/** On a bare socket: an HTTP client's own first request would take longer than the service's first answer. */
async function isServed(port: number, path: string): Promise<boolean> {
  const connection = await connect(port)
  let status = 0
  await connection.exchange(`GET ${path} HTTP/1.1\r\nhost: localhost:${port}\r\n\r\n`, (answered) => {
    status = answered
    return undefined
  })
  connection.close()
  return status === 200
}

/** @returns megabytes, or NaN where the system does not say */
export async function readMemory(pid: number | undefined): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const [, kibibytes] = /^VmRSS:\s+(\d+) kB$/m.exec(status) ?? []
  return (Number(kibibytes) * 1_024) / 1_000_000
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const port = portOf(server)
  server.close()
  await once(server, 'close')
  return port
}
