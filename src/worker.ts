import { loadWorkerConfig } from './config.ts'
import { endGracefully } from './end-gracefully.ts'
import { loadOrExit } from './load-or-exit.ts'
import { assertTracesPossible, startTracing } from './tracing.ts'
import { buildWorker } from './worker-app.ts'

/** What the worker holds may be finished within this time; then the process ends all the same. */
const STOP_WITHIN_MS = 12_000

const config = loadOrExit(() => assertTracesPossible(loadWorkerConfig()))
const app = await buildWorker(config, await startTracing(config, 'fastify-entra-worker'))

endGracefully(app, { pauseMs: 0, finishWithinMs: STOP_WITHIN_MS })

if (config.METRICS_PORT === undefined) await app.ready()
else await app.listen({ host: config.HOST, port: config.METRICS_PORT })
app.log.info(
  { queue: app.queue.name, table: app.codesTable.name },
  app.queue.all.length === 1 ? 'watching the queue' : 'watching the queues',
)
