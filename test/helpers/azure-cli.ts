import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { root, run } from './processes.ts'

const Call = Type.Object({ command: Type.String(), args: Type.Array(Type.String()), input: Type.String() })

interface Options {
  /** Whether the subscription is empty or has everything. */
  state?: 'empty' | 'complete'
  /** A command that fails. */
  fail?: string
  /** For its standard input. */
  input?: string
}

/** Runs a shell command with a stand-in for `az`, and says how that was called. Nothing waits, and nothing leaves this machine. */
export async function recordAz(t: Parameters<typeof run>[0], script: string, options: Options = {}) {
  const { state = 'empty', fail = '', input } = options
  const folder = await mkdtemp(join(tmpdir(), 'fastify-entra-test-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const file = join(folder, 'calls')
  await writeFile(file, '')
  await writeProgram(
    join(folder, 'az'),
    `exec '${process.execPath}' '${join(import.meta.dirname, 'az-stub.mjs')}' "$@"`,
  )
  for (const name of ['sleep', 'curl']) await writeProgram(join(folder, name), 'exit 0')

  const env = {
    ...process.env,
    PATH: [folder, join(root, 'node_modules/.bin'), process.env['PATH']].join(delimiter),
    AZ_STUB_FILE: file,
    AZ_STUB_STATE: state,
    AZ_STUB_FAIL: fail,
  }
  const result = await run(t, 'bash', ['-c', script], { env, ...(input && { input }) })
  const lines = (await readFile(file, 'utf8')).split('\n').filter((line) => line !== '')
  return { ...result, calls: lines.map((line) => Value.Parse(Call, JSON.parse(line))) }
}

async function writeProgram(path: string, command: string): Promise<void> {
  await writeFile(path, `#!/bin/sh\n${command}\n`)
  await chmod(path, 0o755)
}

/** The value after an option. */
export function optionOf(args: readonly string[], name: string): string | undefined {
  const at = args.indexOf(name)
  return at < 0 ? undefined : args[at + 1]
}

/** `--settings A=1 B=2`, as an environment. */
export function settingsOf(args: readonly string[]): Record<string, string> {
  const pairs = args.slice(args.indexOf('--settings') + 1).map((pair) => {
    const at = pair.indexOf('=')
    return [pair.slice(0, at), pair.slice(at + 1)] as const
  })
  return Object.fromEntries(pairs)
}
