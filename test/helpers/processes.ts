import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { readdirSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export const root = join(import.meta.dirname, '..', '..')

export interface Running {
  child: ChildProcess
  /** Standard output and standard error so far, together. */
  output(): string
  /** Resolves with the exit status, or the name of the signal that ended it. */
  exited: Promise<number | string>
}

/** Starts a process that ends with the test at the latest. */
export function start(
  t: { after(fn: () => unknown): void },
  command: string,
  args: readonly string[],
  options: SpawnOptions = {},
): Running {
  const child = spawn(command, args, { cwd: root, ...options, stdio: ['pipe', 'pipe', 'pipe'] })
  let text = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk) => {
      text += chunk
    })
  }
  const exited = once(child, 'exit').then(([code, signal]): number | string => code ?? signal)
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL')
    await exited
  })
  return { child, output: () => text, exited }
}

/** Runs a process to its end. */
export async function run(
  t: { after(fn: () => unknown): void },
  command: string,
  args: readonly string[],
  options: SpawnOptions & { input?: string } = {},
): Promise<{ status: number | string; output: string }> {
  const { input, ...spawnOptions } = options
  const running = start(t, command, args, spawnOptions)
  running.child.stdin?.end(input)
  const status = await running.exited
  return { status, output: running.output() }
}

/** Waits until the check gives something. */
export async function eventually<T>(
  check: () => T | undefined | false | Promise<T | undefined | false>,
  what: string,
  timeoutMs = 30_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const result = await check()
    if (result !== undefined && result !== false) return result
    if (Date.now() > deadline) throw new Error(`not within ${timeoutMs} ms: ${what}`)
    await sleep(20)
  }
}

/** One that no connection takes meanwhile as its own: systems choose those from 32768 upwards. */
export async function freePort(): Promise<number> {
  const port = randomInt(10_000, 32_000)
  const server = createServer().listen(port, '127.0.0.1')
  try {
    await once(server, 'listening')
  } catch {
    return await freePort()
  }
  server.close()
  await once(server, 'close')
  return port
}

export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

/** Files and sockets that a process has open, where the system has `/proc`. */
export function countFiles(pid: number | undefined): number {
  return readdirSync(`/proc/${pid}/fd`).length
}
