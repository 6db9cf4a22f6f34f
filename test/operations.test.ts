import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { parser } from '@prometheus-io/lezer-promql'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { parse } from 'yaml'
import { caller } from '../local-cloud/directory.ts'
import { startApp } from './helpers/app.ts'
import { startCloud } from './helpers/cloud.ts'
import { eventually, freePort, root } from './helpers/processes.ts'
import { startWorker } from './helpers/worker.ts'

const Rules = Type.Object({
  groups: Type.Array(Type.Object({ rules: Type.Array(Type.Object({ alert: Type.String(), expr: Type.String() })) })),
})
const Panel = Type.Object({
  title: Type.String(),
  targets: Type.Optional(Type.Array(Type.Object({ expr: Type.String(), legendFormat: Type.String() }))),
})
const Dashboard = Type.Object({ panels: Type.Array(Panel) })

const read = (file: string) => readFileSync(join(root, 'docs', file), 'utf8')
const rules = Value.Parse(Rules, parse(read('alerts.yml'))).groups.flatMap((group) => group.rules)
const { panels } = Value.Parse(Dashboard, JSON.parse(read('grafana-dashboard.json')))
const queries = [
  ...rules.map(({ alert, expr }) => ({ name: `alert ${alert}`, expr, legend: '' })),
  ...panels.flatMap(({ title, targets = [] }) =>
    targets.map(({ expr, legendFormat }) => ({ name: `panel ${title}`, expr, legend: legendFormat })),
  ),
]
/** What Prometheus itself adds to every series. */
const ADDED_LABELS = ['job', 'instance']

const cloud = await startCloud()
const exposed = new Map<string, Set<string>>()

/** The real API and the real worker, after something of everything has happened. */
before(async () => {
  const [port, workerPort] = [await freePort(), await freePort()]
  const app = await startApp({ after }, cloud, { METRICS_PORT: String(port) })
  const worker = await startWorker({ after }, cloud, { WORKER_IDLE_POLL_MS: '50' })
  await worker.listen({ port: workerPort })
  const headers = { authorization: `Bearer ${await cloud.tokens.forApi(caller)}` }
  assert.equal((await app.inject({ url: '/api/v1/getcode', headers })).statusCode, 200)
  assert.equal((await app.inject({ url: '/api/v1/getcode' })).statusCode, 401)
  const scrape = (from: number) => fetch(`http://127.0.0.1:${from}/metrics`).then((response) => response.text())
  await eventually(async () => (await scrape(workerPort)).includes('made_valid'), 'the worker has seen the code')
  for (const text of [await scrape(port), await scrape(workerPort)]) readExposed(text)
})

test('the metrics have the routes, callers and neighbours of what happened, and no URL', async (t) => {
  const port = await freePort()
  const app = await startApp(t, cloud, { METRICS_PORT: String(port) })
  const headers = { authorization: `Bearer ${await cloud.tokens.forApi(caller)}` }
  const urls = ['/api/v1/getcode?x=1', '/api/v1/getcode?x=2', '/nothing/at/all', '/nothing/else']
  for (const url of urls) await app.inject({ url, headers })
  await app.inject('/api/v1/getcode')
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  for (const line of [
    'http_requests_total{method="GET",route="/api/v1/getcode",status="200",caller="app"} 2',
    'http_requests_total{method="GET",route="/api/v1/getcode",status="401",caller="none"} 1',
    'http_requests_total{method="GET",route="none",status="404",caller="none"} 2',
    'http_problems_total{code="token_missing"} 1',
    'http_problems_total{code="not_found"} 2',
    'http_request_duration_seconds_count{route="/api/v1/getcode"} 3',
    'outside_call_duration_seconds_count{target="number_api",outcome="ok"} 2',
    'token_cache_lookups_total{result="hit"} 1',
    'token_cache_lookups_total{result="miss"} 1',
    'token_cache_entries 1',
  ]) {
    assert.ok(text.includes(`${line}\n`), `${line} in\n${text}`)
  }
  assert.match(text, /signing_key_refreshes_total\{issuer="Entra tenant [^"]+",outcome="ok"\} 1\n/)
  assert.doesNotMatch(text, /nothing|x=1/)
  assert.equal((await app.inject('/metrics')).statusCode, 404, 'the port of the API has no metrics')
})

test('a neighbour that fails is counted as failed, and one whose caller hung up is not', async (t) => {
  const port = await freePort()
  const app = await startApp(t, cloud, { METRICS_PORT: String(port) })
  const headers = { authorization: `Bearer ${await cloud.tokens.forApi(caller)}` }
  t.after(() => cloud.faults.clear())
  cloud.faults.set('numberApi', { answer: { status: 500 } })
  assert.equal((await app.inject({ url: '/api/v1/getcode', headers })).statusCode, 502)
  cloud.faults.set('numberApi', { latencyMs: 2_000 })
  const origin = await app.listen({ port: 0 })
  await fetch(`${origin}/api/v1/getcode`, { headers, signal: AbortSignal.timeout(200) }).catch(() => undefined)
  await eventually(async () => {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
    const count = (outcome: string) =>
      new RegExp(`outside_call_duration_seconds_count\\{target="number_api",outcome="${outcome}"\\} [1-9]`).test(text)
    return count('failed') && count('stopped')
  }, 'both are counted')
})

describe('asks for metrics that exist, with labels that they have:', () => {
  for (const { name, expr, legend } of queries) {
    test(name, () => {
      const { metrics, labels } = readQuery(expr)
      assert.ok(metrics.length > 0, expr)
      for (const metric of metrics) assert.ok(exposed.has(metric), `${metric} in ${expr}`)
      const known = new Set([...ADDED_LABELS, ...metrics.flatMap((metric) => [...(exposed.get(metric) ?? [])])])
      const shown = [...legend.matchAll(/\{\{(\w+)\}\}/g)].map(([, label = '']) => label)
      for (const label of [...labels, ...shown]) assert.ok(known.has(label), `the label ${label} in ${expr}`)
    })
  }
})

test('docs/operations.md explains every metric and every alert, and names no other', () => {
  const text = read('operations.md')
  const table = text.slice(text.indexOf('## Metrics'), text.indexOf('## Alerts'))
  const named = [...table.matchAll(/`((?:http|outside|signing|token|codes|nodejs|process)_[a-z0-9_]+_[a-z]+)[`{]/g)]
  const ours = new Set([...exposed.keys()].map((name) => name.replace(/_(?:bucket|sum|count)$/, '')))
  assert.ok(named.length > 10)
  for (const [, name = ''] of named) assert.ok(ours.has(name), name)
  for (const name of ours) {
    if (!/^(?:nodejs|process)_/.test(name)) assert.ok(text.includes(`\`${name}`), name)
  }
  for (const { alert } of rules) assert.ok(text.includes(`| \`${alert}\` |`), alert)
})

function readExposed(text: string): void {
  for (const [, name = '', labels = ''] of text.matchAll(/^(\w+)(?:\{(.*)\})? \S+$/gm)) {
    const known = exposed.get(name) ?? new Set()
    for (const [, label = ''] of labels.matchAll(/(\w+)="/g)) known.add(label)
    exposed.set(name, known)
  }
}

/** By the grammar that Prometheus' own editor uses. */
function readQuery(expr: string): { metrics: string[]; labels: string[] } {
  const query = expr.replaceAll('$__rate_interval', '5m')
  const found: Record<string, string[]> = { Identifier: [], LabelName: [] }
  parser.parse(query).iterate({
    enter({ type, from, to }) {
      assert.ok(!type.isError, `not PromQL at ${from}: ${query}`)
      found[type.name]?.push(query.slice(from, to))
    },
  })
  return { metrics: found['Identifier'] ?? [], labels: found['LabelName'] ?? [] }
}
