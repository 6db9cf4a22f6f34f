import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import { parse } from 'yaml'
import { loadConfig, loadWorkerConfig } from '../../src/config.ts'
import { FINISH_WITHIN_MS } from '../../src/end-gracefully.ts'
import { parseDockerfile } from '../helpers/dockerfile.ts'
import { root } from '../helpers/processes.ts'

const read = (file: string) => readFileSync(join(root, file), 'utf8')
const load = <T extends TSchema>(schema: T, file: string) => Value.Parse(schema, parse(read(file)))

const Text = Type.String()
const Probe = Type.Object({ type: Text, httpGet: Type.Object({ path: Text, port: Type.Integer() }) })
const Container = Type.Object({
  args: Type.Optional(Type.Array(Text)),
  env: Type.Array(Type.Object({ name: Text, value: Text })),
  probes: Type.Array(Probe),
})
const Rule = Type.Object({
  name: Text,
  custom: Type.Optional(Type.Object({ type: Text, metadata: Type.Record(Text, Text) })),
})
const ContainerApp = Type.Object({
  properties: Type.Object({
    template: Type.Object({
      terminationGracePeriodSeconds: Type.Integer(),
      containers: Type.Tuple([Container]),
      scale: Type.Object({ minReplicas: Type.Integer({ minimum: 1 }), rules: Type.Tuple([Rule]) }),
    }),
  }),
})

function loadApp(file: string) {
  const { template } = load(ContainerApp, file).properties
  const [container] = template.containers
  return { ...template, container, env: Object.fromEntries(container.env.map(({ name, value }) => [name, value])) }
}

const api = loadApp('infra/container-apps/api.yaml')
const worker = loadApp('infra/container-apps/worker.yaml')
const dockerfile = parseDockerfile(read('Dockerfile'))
const port = Number(dockerfile.find(({ name }) => name === 'EXPOSE')?.rest)

test('the container apps have a configuration that the service accepts, on one queue and table', () => {
  const { STORAGE_QUEUE_URL, CODES_TABLE_URL } = loadConfig(api.env)
  const settings = loadWorkerConfig(worker.env)
  assert.deepEqual(settings.STORAGE_QUEUE_URL, STORAGE_QUEUE_URL)
  assert.equal(settings.CODES_TABLE_URL, CODES_TABLE_URL)
  assert.equal(settings.METRICS_PORT, port)
  assert.deepEqual(worker.container.args, ['--optimize-for-size', 'bundle/worker.js'])
  const metadata = worker.scale.rules[0].custom?.metadata ?? {}
  assert.equal(
    `https://${metadata['accountName']}.queue.core.windows.net/${metadata['queueName']}`,
    STORAGE_QUEUE_URL[0],
  )
})

test('the probes of both ask the port that the image listens on, and never restart it for a neighbour', () => {
  for (const { container } of [api, worker]) {
    assert.deepEqual(
      container.probes.map(({ type, httpGet }) => [type, httpGet.path, httpGet.port]),
      [
        ['Startup', '/healthz', port],
        ['Liveness', '/healthz', port],
        ['Readiness', '/readyz', port],
      ],
    )
  }
})

test('a container may take as long to stop as the processes do', () => {
  const { STOP_PAUSE_MS } = loadConfig(api.env)
  assert.ok(api.terminationGracePeriodSeconds * 1_000 > STOP_PAUSE_MS + FINISH_WITHIN_MS)
  const [, within = ''] = /STOP_WITHIN_MS = ([\d_]+)/.exec(read('src/worker.ts')) ?? []
  assert.ok(worker.terminationGracePeriodSeconds * 1_000 > Number(within.replaceAll('_', '')) && within !== '')
})

test('the image gets what the Dockerfile copies, and .dockerignore keeps out everything else', () => {
  const lines = read('.dockerignore').split('\n')
  assert.ok(lines.includes('*'))
  const copied = dockerfile
    .filter(({ name, rest }) => name === 'COPY' && !rest.startsWith('--from='))
    .flatMap(({ rest }) => rest.split(' ').slice(0, -1))
  assert.deepEqual(
    lines.flatMap((line) => (line.startsWith('!') ? [line.slice(1)] : [])).sort(),
    [...new Set(copied)].sort(),
  )
})
