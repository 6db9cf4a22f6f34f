import { execFileSync } from 'node:child_process'
import { cpus } from 'node:os'

/** What figures depend on, beside the code. */
export interface Machine {
  node: string
  cpu: string
  /** What is measured; undefined outside a Git checkout. */
  commit: string | undefined
}

export function describeMachine(): Machine {
  const processors = cpus()
  return { node: process.version, cpu: `${processors.length} × ${processors[0]?.model.trim()}`, commit: readCommit() }
}

function readCommit(): string | undefined {
  try {
    return execFileSync('git', ['describe', '--always', '--dirty'], {
      cwd: import.meta.dirname,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    return undefined
  }
}
