import Fastify, { type FastifyInstance, LogController } from 'fastify'
import { createCredential } from './azure/credential.ts'
import { createStorageQueue } from './azure/storage-queue.ts'
import { poisonUrl } from './codes/poison.ts'
import type { WorkerConfig } from './config.ts'
import { createLoggerOptions } from './logging.ts'
import type { Tracing } from './open-telemetry.ts'
import codeWorker from './plugins/code-worker.ts'
import codesTable from './plugins/codes-table.ts'
import gracefulClose from './plugins/graceful-close.ts'
import metrics from './plugins/metrics.ts'
import observedCalls from './plugins/observed-calls.ts'
import problemDetails from './plugins/problem-details.ts'
import readiness from './plugins/readiness.ts'
import storageQueue from './plugins/storage-queue.ts'
import health from './routes/health.ts'

/** The worker. It works from when it is ready until it is closed; to listen is only for its health and metrics. */
export async function buildWorker(config: WorkerConfig, tracing?: Tracing): Promise<FastifyInstance> {
  const app = Fastify({
    logger: createLoggerOptions(config.LOG_LEVEL),
    logController: new LogController({ disableRequestLogging: true }),
  })
  await app.register(problemDetails)
  await app.register(gracefulClose)

  if (tracing !== undefined) app.addHook('onClose', () => tracing.stop())
  await app.register(observedCalls, { tracing })
  const { observe } = app.observedCalls

  const credential = createCredential()
  const messageEncoding = config.STORAGE_QUEUE_MESSAGE_ENCODING
  await app.register(storageQueue, { urls: config.STORAGE_QUEUE_URL, credential, messageEncoding, observe })
  await app.register(codesTable, { url: config.CODES_TABLE_URL, credential, observe })
  await app.register(metrics)
  await app.register(codeWorker, {
    openPoisonQueue: ({ url }) => createStorageQueue({ url: poisonUrl(url), credential, messageEncoding, observe }),
    lifetimeSeconds: config.CODE_LIFETIME_SECONDS,
    idlePollMs: config.WORKER_IDLE_POLL_MS,
    continueTrace: tracing?.continueTrace,
  })

  await app.register(readiness)
  app.readiness.add('queue', app.queue.assertReady)
  app.readiness.add('table', app.codesTable.assertReady)
  app.readiness.add('worker', app.codeWorker.assertAlive)
  await app.register(health)
  return app
}
