import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { Counter, Gauge, Histogram, type Registry } from 'prom-client'
import { countTogether } from './count-together.ts'

/** From a refusal to the longest that a request is worked on. */
const REQUEST_BUCKETS_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
/** A URL that no route has; its own text would make as many time series as somebody likes. */
const NO_ROUTE = 'none'
const NO_CALLER = 'none'

interface Answered {
  method: string
  route: string
  status: number
  caller: string
  durationMs: number
}

/** What the API counts: requests, refusals, and how its keys and its memory of tokens are doing. */
const requestMetrics: FastifyPluginAsync = async (app) => {
  countRequests(app)
  measureKeys(app)
  measureTokens(app)
}

function countRequests(app: FastifyInstance): void {
  const registers = [app.metrics]
  const requests = new Counter({
    name: 'http_requests_total',
    help: 'Requests answered, by route, status and kind of caller.',
    labelNames: ['method', 'route', 'status', 'caller'],
    registers,
    collect: () => answered.settle(),
  })
  const problems = new Counter({
    name: 'http_problems_total',
    help: 'Requests that were not served, by the code of their answer.',
    labelNames: ['code'],
    registers,
  })
  const seconds = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'From the head of the request to the end of its answer.',
    labelNames: ['route'],
    buckets: REQUEST_BUCKETS_SECONDS,
    registers,
    collect: () => answered.settle(),
  })
  const answered = countTogether<Answered>(({ method, route, status, caller, durationMs }) => {
    requests.inc({ method, route, status, caller })
    seconds.observe({ route }, durationMs / 1_000)
  })
  app.addHook('onResponse', (request, reply, done) => {
    const { url: route = NO_ROUTE } = request.routeOptions
    const caller = app.entraAuth.callerOf(request)?.kind ?? NO_CALLER
    answered.add({ method: request.method, route, status: reply.statusCode, caller, durationMs: reply.elapsedTime })
    if (request.problem !== null) problems.inc({ code: request.problem })
    done()
  })
}

function measureKeys({ metrics, entraAuth }: FastifyInstance): void {
  countAtScrape(metrics, {
    name: 'signing_key_refreshes_total',
    help: "Reads of an issuer's metadata and signing keys.",
    labelNames: ['issuer', 'outcome'],
    read: () =>
      entraAuth.upkeep.issuers.flatMap(({ name: issuer, ok, failed }) => [
        { labels: { issuer, outcome: 'ok' }, count: ok },
        { labels: { issuer, outcome: 'failed' }, count: failed },
      ]),
  })
  new Gauge({
    name: 'signing_key_age_seconds',
    help: "How long ago an issuer's keys were read; they are trusted for a day. Infinite before the first time.",
    labelNames: ['issuer'],
    aggregator: 'max',
    registers: [metrics],
    collect() {
      for (const { name: issuer, ageMs } of entraAuth.upkeep.issuers) this.set({ issuer }, ageMs / 1_000)
    },
  })
}

function measureTokens({ metrics, entraAuth }: FastifyInstance): void {
  if (entraAuth.upkeep.tokens === null) return
  const { tokens } = entraAuth.upkeep
  countAtScrape(metrics, {
    name: 'token_cache_lookups_total',
    help: 'Whether the token of a request was one that was verified before.',
    labelNames: ['result'],
    read: () => [
      { labels: { result: 'hit' }, count: tokens.hits },
      { labels: { result: 'miss' }, count: tokens.misses },
    ],
  })
  new Gauge({
    name: 'token_cache_entries',
    help: 'Verified tokens that are remembered.',
    registers: [metrics],
    collect() {
      this.set(tokens.size)
    },
  })
}

interface Counted<Label extends string> {
  name: string
  help: string
  labelNames: Label[]
  /** What has been counted elsewhere since the start. */
  read: () => Array<{ labels: Record<Label, string>; count: number }>
}

function countAtScrape<Label extends string>(metrics: Registry, { read, ...named }: Counted<Label>): void {
  new Counter({
    ...named,
    registers: [metrics],
    collect() {
      this.reset()
      for (const { labels, count } of read()) this.inc(labels, count)
    },
  })
}

export default fp(requestMetrics, { name: 'request-metrics', fastify: '5.x', dependencies: ['metrics', 'entra-auth'] })
