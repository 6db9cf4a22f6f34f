import assert from 'node:assert/strict'
import { copyFileSync, existsSync, lstatSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { startCloud } from '../helpers/cloud.ts'
import { asUser, build, parseDockerfile } from '../helpers/dockerfile.ts'
import { startOtlpReceiver } from '../helpers/otlp-receiver.ts'
import { eventually, freePort, root, run, start } from '../helpers/processes.ts'
import { fetchToken } from '../helpers/service.ts'

const Package = Type.Object({ devDependencies: Type.Object({ node: Type.String() }) })

const Code = Type.Object({ code: Type.String() })
const Verdict = Type.Object({ valid: Type.Boolean() })

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
    'bundle',
    'node_modules',
    'package-lock.json',
    'package.json',
    'tools',
  ])
  for (const name of ['typescript', 'azurite', 'node', 'knip', 'esbuild', '@biomejs/biome']) {
    assert.ok(!existsSync(join(image.root, 'app/node_modules', name)), name)
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
  const worker = startContainer(t, ['--optimize-for-size', 'bundle/worker.js'], { METRICS_PORT, HOST: '127.0.0.1' })
  await eventually(() => isOk(`http://127.0.0.1:${METRICS_PORT}/readyz`), `ready: ${worker.output()}`, 60_000)
  worker.child.kill('SIGTERM')
  assert.equal(await worker.exited, 0, worker.output())
})

test('a code lives its life in two containers, with documentation, metrics and traces', async (t) => {
  const [PORT, METRICS_PORT] = [String(await freePort()), String(await freePort())]
  const { url: collector, spans } = await startOtlpReceiver(t)
  const env = { HOST: '127.0.0.1', OTEL_EXPORTER_OTLP_ENDPOINT: collector, OTEL_BSP_SCHEDULE_DELAY: '100' }
  const service = startContainer(t, image.command, { ...env, PORT, METRICS_PORT })
  const worker = startContainer(t, ['--optimize-for-size', 'bundle/worker.js'], { ...env, WORKER_IDLE_POLL_MS: '50' })
  const url = `http://127.0.0.1:${PORT}`
  await eventually(() => isOk(`${url}/readyz`), `ready: ${service.output()}`, 60_000)

  const headers = { authorization: `Bearer ${await fetchToken(cloud)}` }
  const { code } = Value.Parse(Code, await (await fetch(`${url}/api/v1/getcode`, { headers })).json())
  const isValid = async () => {
    const asked = { method: 'POST', headers: { ...headers, 'content-type': 'application/json' } }
    const answer = await fetch(`${url}/api/v1/codes/verify`, { ...asked, body: JSON.stringify({ code }) })
    return Value.Parse(Verdict, await answer.json()).valid
  }
  await eventually(() => spans.some(({ name }) => name === 'make valid'), `made valid: ${worker.output()}`)
  assert.equal(await isValid(), true)
  assert.equal((await fetch(`${url}/api/v1/hello-graph`, { headers })).status, 200)
  for (const page of [`${url}/docs/`, `${url}/openapi.json`, `http://127.0.0.1:${METRICS_PORT}/metrics`]) {
    assert.ok(await isOk(page), page)
  }
  for (const name of ['GET /api/v1/getcode', 'number_api', 'TableClient.createEntity']) {
    await eventually(() => spans.some((span) => span.name === name), name)
  }
})
