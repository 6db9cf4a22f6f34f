import { execFile } from 'node:child_process'
import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type CertificateAuthority, createCertificateAuthority } from '../../local-cloud/certificate-authority.ts'
import { compareSpeed, type Mark } from '../comparison.ts'
import { type Bench, find, type Group, type Row } from '../group.ts'
import { type HttpContestantOptions, startHttpContestant } from '../http-contestant.ts'
import { portIn } from '../port-in.ts'
import { startProcess } from '../processes.ts'
import { runRounds } from '../rounds.ts'
import { createPublicEnv } from '../tokens/identity.ts'
import { badSignature, goodToken, isServed, mustRefuse } from './checks.ts'

const bench = join(import.meta.dirname, '..')
const folder = join(bench, 'peers')

const PROJECT = 'this project'
const EXPRESS = 'Express, express-oauth2-jwt-bearer'
const others: ReadonlyArray<{ name: string; file: string; env?: Record<string, string> }> = [
  { name: '@fastify/jwt, jwks-rsa', file: 'fastify-jwt.mjs' },
  { name: '@fastify/jwt with its cache, jwks-rsa', file: 'fastify-jwt.mjs', env: { BENCH_TOKEN_CACHE: 'on' } },
  { name: 'Hono, jose', file: 'hono-jose.mjs' },
  { name: EXPRESS, file: 'express-oauth2-jwt-bearer.mjs' },
  { name: 'Express, passport-azure-ad', file: 'passport-azure-ad.mjs' },
]
/** Marks of this project's speed, by what it is a multiple of. */
const marks: Readonly<Record<string, Mark>> = { [EXPRESS]: { atLeast: 5 } }

/** This project beside what else checks Entra tokens in Node; one caller, whose token each may keep as it likes. */
export const peers: Group = {
  name: 'peers',
  title: 'others, 1 caller',
  async run(context) {
    const fault = await install()
    if (fault !== undefined) return { rows: [], notes: [`left out, npm could not install them: ${fault}`] }
    const authority = await createCertificateAuthority()
    try {
      return { rows: await measure(context, authority) }
    } finally {
      await authority.remove()
    }
  },
}

/** @returns why it failed */
async function install(): Promise<string | undefined> {
  const isThere = await stat(join(folder, 'node_modules')).catch(() => undefined)
  if (isThere !== undefined) return undefined
  try {
    // Prebuilt parts of old packages are optional for them.
    await promisify(execFile)('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], { cwd: folder })
    return undefined
  } catch (error) {
    const text = error instanceof Error ? error.message : String(error)
    return /^npm error .*(?:registry|network|failed).*$/im.exec(text)?.[0] ?? text
  }
}

async function measure({ load, tokens, effort }: Bench, { server, caFile }: CertificateAuthority): Promise<Row[]> {
  const published = createPublicEnv(tokens.identity)
  const certificate = { BENCH_CERT_FILE: server.certFile, BENCH_KEY_FILE: server.keyFile }
  const provider = await startProcess(join(bench, 'stubs', 'identity-provider.ts'), { ...published, ...certificate })
  const origin = `https://localhost:${portIn(provider)}`
  const env = { ...published, BENCH_PROVIDER: origin, NODE_EXTRA_CA_CERTS: caFile }
  const checks = [isServed(await goodToken(tokens)), mustRefuse(await badSignature(tokens))]
  const common = { tokensFile: await tokens.file('good', 1), checks }
  const all: HttpContestantOptions[] = [
    { ...common, name: PROJECT, server: join(bench, 'servers', 'fastify-entra.ts'), env },
    ...others.map((peer) => ({
      ...common,
      name: peer.name,
      server: join(folder, peer.file),
      env: { ...env, ...peer.env },
    })),
  ]
  try {
    const measured = await runRounds(
      all.map((options) => () => startHttpContestant(load, options)),
      effort,
    )
    const project = find(measured, PROJECT)
    return measured.map((each) => ({ name: each.name, measured: each, comparisons: compare(each) }))

    function compare(each: typeof project) {
      if (each !== project) return []
      return measured.filter((peer) => peer !== project).map((peer) => compareSpeed(project, peer, marks[peer.name]))
    }
  } finally {
    await provider.stop()
  }
}
