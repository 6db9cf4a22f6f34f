import assert from 'node:assert/strict'
import { copyFileSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { startCloud } from '../helpers/cloud.ts'
import { asUser, build, parseDockerfile } from '../helpers/dockerfile.ts'
import { eventually, freePort, root, run, start } from '../helpers/processes.ts'

const Package = Type.Object({ devDependencies: Type.Object({ node: Type.String() }) })

/** gcr.io/distroless/cc-debian12, generously: glibc, libstdc++, OpenSSL, certificates, time zones. */
const BASE_BYTES = 40e6
const MAX_BYTES = 250e6

const instructions = parseDockerfile(readFileSync(join(root, 'Dockerfile'), 'utf8'))
const cloud = await startCloud()
const image = await build({ after }, instructions)
const files = readdirSync(image.root, { recursive: true, encoding: 'utf8' }).map((name) => ({
  name,
  stats: lstatSync(join(image.root, name)),
}))

/** The local cloud's certificate, where the image's user may read it. */
const certificates = join(image.root, 'local-cloud.pem')
copyFileSync(cloud.serviceEnv.NODE_EXTRA_CA_CERTS, certificates)

/** What the engine would start: nothing in the environment but the image's and what it is given. */
function startContainer(t: Parameters<typeof start>[0], args: readonly string[], env: Record<string, string>) {
  const [command = '', ...rest] = [...image.entrypoint, ...args]
  return start(t, join(image.root, 'usr/local/bin', command), rest, {
    cwd: join(image.root, image.workdir),
    env: { ...inImage(image.env), ...cloud.serviceEnv, NODE_EXTRA_CA_CERTS: certificates, ...env },
    ...asUser(image.user),
  })
}

function inImage(env: Record<string, string>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).map(([name, value]) => [name, value.startsWith('/') ? join(image.root, value) : value]),
  )
}

async function isOk(url: string): Promise<boolean> {
  return await fetch(url).then(
    ({ ok }) => ok,
    () => false,
  )
}

test('the image is built with the same Node that the project has', () => {
  const { devDependencies } = Value.Parse(Package, JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))
  assert.ok(instructions.some(({ name, rest }) => name === 'FROM' && rest.startsWith(`node:${devDependencies.node}-`)))
})

test('the image is smaller than 250 MB', (t) => {
  const bytes = files.reduce((sum, { stats }) => sum + stats.size, BASE_BYTES)
  t.diagnostic(`${(bytes / 1e6).toFixed(0)} MB, of which the base image ${BASE_BYTES / 1e6} MB`)
  assert.ok(bytes < MAX_BYTES, `${bytes}`)
})

test('the image holds production code alone: no development dependency, no tests, no local cloud, no settings', () => {
  assert.deepEqual(readdirSync(join(image.root, 'app')).sort(), [
    '.compile-cache',
    '.npmrc',
    'node_modules',
    'package-lock.json',
    'package.json',
    'src',
    'tools',
  ])
  for (const name of ['typescript', 'azurite', 'node', 'knip', '@biomejs']) {
    assert.ok(!readdirSync(join(image.root, 'app/node_modules')).includes(name), name)
  }
})

test('nobody but root may write in the image, and everybody may read', () => {
  for (const { name, stats } of files.filter(({ stats }) => !stats.isSymbolicLink())) {
    assert.equal(stats.mode & 0o022, 0, name)
    assert.equal(stats.mode & 0o004, 0o004, name)
  }
  assert.notEqual(image.user, 0)
})

test('the API starts as the image says, is ready, and the health check agrees', async (t) => {
  const PORT = String(await freePort())
  const url = `http://127.0.0.1:${PORT}`
  const service = startContainer(t, image.command, { PORT, HOST: '127.0.0.1' })
  await eventually(() => isOk(`${url}/readyz`), `ready: ${service.output()}`, 60_000)
  const [command = '', ...args] = image.healthcheck
  const node = join(image.root, 'usr/local/bin', command)
  assert.equal((await run(t, node, args, { env: { PORT } })).status, 0)
  service.child.kill('SIGTERM')
  assert.equal(await service.exited, 0, service.output())
  assert.equal((await run(t, node, args, { env: { PORT } })).status, 1)
})

test('with the arguments of the worker it is the worker', async (t) => {
  const METRICS_PORT = String(await freePort())
  const worker = startContainer(t, ['--optimize-for-size', 'src/worker.ts'], { METRICS_PORT, HOST: '127.0.0.1' })
  await eventually(() => isOk(`http://127.0.0.1:${METRICS_PORT}/readyz`), `ready: ${worker.output()}`, 60_000)
  worker.child.kill('SIGTERM')
  assert.equal(await worker.exited, 0, worker.output())
})
