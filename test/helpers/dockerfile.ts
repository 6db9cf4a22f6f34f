import {
  chmodSync,
  cpSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  realpathSync,
  rmSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, posix } from 'node:path'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { root as project, run } from './processes.ts'

const Words = Type.Array(Type.String())

interface Stage {
  base: string
  /** Where its file system is on this machine. */
  root: string
  workdir: string
  user: number
  env: Record<string, string>
  entrypoint: string[]
  command: string[]
  healthcheck: string[]
}

interface Instruction {
  name: string
  rest: string
}

/** The instructions of a Dockerfile; those that this project does not use are refused below. */
export function parseDockerfile(text: string): Instruction[] {
  const lines = text.replaceAll(/^#.*\n/gm, '').replaceAll(/\\\n\s*/g, ' ')
  return [...lines.matchAll(/^([A-Z]+) +(.+)$/gm)].map(([, name = '', rest = '']) => ({ name, rest: rest.trim() }))
}

/**
 * Carries out a Dockerfile without a container engine: every stage is a directory of its own, RUN a shell in it, COPY a
 * copy. What a base image brings but its Node is this machine's.
 * @returns the last stage
 */
export async function build(t: Parameters<typeof run>[0], instructions: readonly Instruction[]): Promise<Stage> {
  const stages = new Map<string, Stage>()
  let stage: Stage | undefined
  for (const { name, rest } of instructions) {
    if (name === 'FROM') {
      const [base = '', , alias = base] = rest.split(/ +/)
      stage = createStage(base)
      const { root } = stage
      t.after(() => rmSync(root, { recursive: true }))
      stages.set(alias, stage)
      continue
    }
    if (stage === undefined) throw new Error('a Dockerfile begins with FROM')
    await carryOut(t, { name, rest }, stage, stages)
  }
  if (stage === undefined) throw new Error('no stage')
  return stage
}

function createStage(base: string): Stage {
  const root = mkdtempSync(join(tmpdir(), 'fastify-entra-image-'))
  chmodSync(root, 0o755)
  if (base.startsWith('node:')) cpSync(realpathSync(process.execPath), join(root, 'usr/local/bin/node'))
  return { base, root, workdir: '/', user: 0, env: {}, entrypoint: [], command: [], healthcheck: [] }
}

async function carryOut(
  t: Parameters<typeof run>[0],
  { name, rest }: Instruction,
  stage: Stage,
  stages: ReadonlyMap<string, Stage>,
): Promise<void> {
  switch (name) {
    case 'WORKDIR':
      stage.workdir = rest
      mkdirSync(join(stage.root, rest), { recursive: true })
      return
    case 'USER':
      stage.user = Number(rest.split(':')[0])
      return
    case 'ENV':
      for (const pair of rest.split(/ +/)) stage.env[pair.split('=')[0] ?? ''] = pair.slice(pair.indexOf('=') + 1)
      return
    case 'EXPOSE':
      return
    case 'ENTRYPOINT':
      stage.entrypoint = Value.Parse(Words, JSON.parse(rest))
      return
    case 'CMD':
      stage.command = Value.Parse(Words, JSON.parse(rest))
      return
    case 'HEALTHCHECK':
      stage.healthcheck = Value.Parse(Words, JSON.parse(rest.slice(rest.indexOf('['))))
      return
    case 'COPY':
      copy(rest, stage, stages)
      return
    case 'RUN': {
      const { status, output } = await run(t, '/bin/sh', ['-c', rest], {
        cwd: join(stage.root, stage.workdir),
        env: { ...process.env, PATH: `${join(stage.root, 'usr/local/bin')}:${process.env['PATH']}`, ...stage.env },
        ...asUser(stage.user),
      })
      if (status !== 0) throw new Error(`RUN ${rest} ended with ${status}:\n${output}`)
      return
    }
    default:
      throw new Error(`${name} is not carried out here`)
  }
}

function copy(rest: string, stage: Stage, stages: ReadonlyMap<string, Stage>): void {
  const words = rest.split(/ +/)
  const from = words[0]?.startsWith('--from=')
    ? stages.get(words.shift()?.slice('--from='.length) ?? '')?.root
    : project
  const to = words.pop()
  if (from === undefined || to === undefined) throw new Error(`COPY ${rest}`)
  const target = join(stage.root, posix.resolve(stage.workdir, to))
  for (const word of words) {
    const into = to.endsWith('/') ? join(target, basename(word)) : target
    mkdirSync(dirname(into), { recursive: true })
    cpSync(join(from, word), into, { recursive: true, verbatimSymlinks: true })
    // As COPY does: root owns what it brings, whoever had it.
    if (process.getuid?.() === 0) chownAll(into)
  }
}

function chownAll(path: string): void {
  lchownSync(path, 0, 0)
  if (!lstatSync(path).isDirectory()) return
  for (const entry of readdirSync(path)) chownAll(join(path, entry))
}

/** The image's user where this process may become it: as root. */
export function asUser(user: number): { uid?: number; gid?: number } {
  return process.getuid?.() === 0 && user !== 0 ? { uid: user, gid: user } : {}
}
