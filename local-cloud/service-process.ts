import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const ROOT = join(import.meta.dirname, '..')
/** Ctrl+C ends everything within two seconds, whatever a request is waiting for. */
const STOP_WITHIN_MS = 1_200

interface ServiceProcessOptions {
  /** What people call it. */
  name: string
  /** File of this project to run. */
  entry: string
  env: Readonly<Record<string, string>>
  /** Gets its log. */
  log: NodeJS.WritableStream
}

/** A part of the service as a process of its own, which ends with this one at the latest. */
export function createServiceProcess({ name, entry, env, log }: ServiceProcessOptions) {
  let child: ChildProcess | undefined

  return {
    start(): void {
      child = fork(join(ROOT, entry), {
        cwd: ROOT,
        env: { ...process.env, ...env },
        execArgv: ['--import', join(import.meta.dirname, 'end-with-parent.mjs')],
        stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
        // Ctrl+C reaches the parent alone, which then stops the others in order.
        detached: true,
      })
      child.stdout?.pipe(log, { end: false })
      child.once('exit', (code) => {
        if (code)
          process.stderr.write(`The ${name} ended with status ${code}. It starts again when its code changes.\n`)
      })
    },
    async stop(): Promise<void> {
      if (!isRunning(child)) return
      // After its end, and after its last line.
      const closed = once(child, 'close')
      child.kill('SIGTERM')
      await Promise.race([closed, sleep(STOP_WITHIN_MS)])
      child.kill('SIGKILL')
    },
    get isRunning(): boolean {
      return isRunning(child)
    },
  }
}

function isRunning(child: ChildProcess | undefined): child is ChildProcess {
  return child !== undefined && child.exitCode === null && child.signalCode === null
}
