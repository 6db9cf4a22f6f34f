import cluster from 'node:cluster'
import type { Server } from 'node:http'
import type { FastifyInstance, FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { AggregatorRegistry, collectDefaultMetrics, Histogram, Registry } from 'prom-client'
import { countTogether } from './count-together.ts'
import { serveMetrics } from './metrics-server.ts'
import type { CallListener } from './observed-calls.ts'
import { measureQueues } from './queue-metrics.ts'

/** From a queue in the same region to the longest that any neighbour is waited for. */
const CALL_BUCKETS_SECONDS = [0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]

interface MetricsOptions {
  /** Where else than on the application itself they are asked for. Port 0 takes a free one. */
  listen?: { host: string; port: number }
}

declare module 'fastify' {
  interface FastifyInstance {
    /** Where every part registers what it counts. */
    metrics: Registry
  }
}

/** `GET /metrics` in Prometheus' text format: the process, its calls to neighbours, its queues, and what others add. */
const metrics: FastifyPluginAsync<MetricsOptions> = async (app, { listen }) => {
  const registry = new Registry()
  collectDefaultMetrics({ register: registry })
  app.decorate('metrics', registry)
  countCalls(app)
  measureQueues(registry, app.queue.all)

  if (listen === undefined) {
    app.get('/metrics', async (_request, reply) => {
      reply.type(registry.contentType)
      return await registry.metrics()
    })
  } else if (cluster.isWorker) answerFirstProcess(registry)
  else listenBeside(app, listen)
}

/** Of several processes on one port, the first one gathers and serves the metrics of all (run-several.ts). */
function answerFirstProcess(registry: Registry): void {
  AggregatorRegistry.setRegistries(registry)
  new AggregatorRegistry()
}

function listenBeside(app: FastifyInstance, listen: { host: string; port: number }): void {
  let server: Server | undefined
  app.addHook('onReady', async () => {
    server = await serveMetrics(listen, () => app.metrics.metrics())
    app.log.info(listen, 'serving metrics')
  })
  app.addHook('onClose', async () => {
    server?.close()
    server?.closeAllConnections()
  })
}

function countCalls({ metrics, observedCalls }: FastifyInstance): void {
  const seconds = new Histogram({
    name: 'outside_call_duration_seconds',
    help: 'Calls to neighbours, by what became of them.',
    labelNames: ['target', 'outcome'],
    buckets: CALL_BUCKETS_SECONDS,
    registers: [metrics],
    collect: () => calls.settle(),
  })
  const calls = countTogether<Parameters<CallListener>>(([target, outcome, durationMs]) =>
    seconds.observe({ target, outcome }, durationMs / 1_000),
  )
  observedCalls.onEnd((...call) => calls.add(call))
}

export default fp(metrics, { name: 'metrics', fastify: '5.x', dependencies: ['observed-calls', 'storage-queue'] })
