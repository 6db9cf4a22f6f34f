import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root, run } from './processes.ts'

type Test = Parameters<typeof run>[0]

export const tsc = join(root, 'node_modules/typescript/bin/tsc')

/** An empty folder outside this project, until the test ends. */
export async function emptyFolder(t: Test): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fastify-entra-test-'))
  t.after(() => rm(folder, { recursive: true }))
  return folder
}

/** Builds and packs the package into a folder. @returns the tarball */
export async function packInto(t: Test, folder: string): Promise<string> {
  const dist = join(folder, 'dist')
  await succeed(t, process.execPath, [join(root, 'tools/build-package.ts'), dist])
  const output = await succeed(t, 'npm', ['pack', dist, '--offline', '--pack-destination', folder])
  const [tarball] = /\S+\.tgz$/m.exec(output) ?? []
  if (tarball === undefined) throw new Error(output)
  return join(folder, tarball)
}

/** Runs a process that must end with status 0. @returns what it printed */
export async function succeed(t: Test, command: string, args: readonly string[], cwd = root): Promise<string> {
  const { status, output } = await run(t, command, args, { cwd })
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${status}:\n${output}`)
  return output
}

/** What the stranger's application prints: who was let in, and who was not. */
export const strangersAnswers = [200, 401, 403, 401]

export function readStatuses(output: string): number[] {
  const answers: Array<{ statusCode: number }> = JSON.parse(output)
  return answers.map(({ statusCode }) => statusCode)
}
