import cluster, { type Worker } from 'node:cluster'
import { once } from 'node:events'
import closeWithGrace from 'close-with-grace'
import { pino } from 'pino'
import type { Config } from './config.ts'
import { FINISH_WITHIN_MS } from './end-gracefully.ts'
import { createLoggerOptions } from './logging.ts'

/** A process that keeps crashing must not take the machine's time from the others. */
const RESTART_AFTER_MS = 1_000

/**
 * The API in several processes that share one port, each on a core of its own. This process serves nothing: it starts
 * another where one crashed, hands on the word to stop, and ends when they have. They end with it, whatever ends it.
 */
export function runSeveral({ WORKERS, LOG_LEVEL, STOP_PAUSE_MS, HOST, METRICS_PORT }: Config): void {
  const { stream, ...options } = createLoggerOptions(LOG_LEVEL)
  const log = pino(options, stream)
  const served = new WeakSet<Worker>()
  let isStopping = false

  cluster.on('listening', (worker) => served.add(worker))
  cluster.on('exit', (worker, status, signal) => {
    if (isStopping) return
    const ended = { pid: worker.process.pid, status, signal }
    if (!served.has(worker)) {
      // It said why. Whatever kept it from serving would keep the next one from it too.
      log.fatal(ended, 'a process ended before it served anybody')
      process.exit(1)
    }
    log.error(ended, 'a process ended; another one takes its place')
    setTimeout(() => isStopping || cluster.fork(), RESTART_AFTER_MS)
  })

  closeWithGrace({ delay: STOP_PAUSE_MS + FINISH_WITHIN_MS }, async ({ err, signal }) => {
    isStopping = true
    if (err) log.fatal({ err }, 'the process ends after an error that nothing caught')
    else log.info({ signal }, 'stopping all processes')
    await Promise.all(Object.values(cluster.workers ?? {}).map((worker) => worker && end(worker, signal)))
  })

  // Figures that JSON has no words for reach this process too: infinite, and not a number.
  cluster.setupPrimary({ serialization: 'advanced' })
  for (let i = 0; i < WORKERS; i += 1) cluster.fork()
  if (METRICS_PORT !== undefined) void gatherMetrics({ host: HOST, port: METRICS_PORT })
}

/** Those of all processes together, each of which has a part of the requests. */
async function gatherMetrics(listen: { host: string; port: number }): Promise<void> {
  const [{ AggregatorRegistry }, { serveMetrics }] = await Promise.all([
    import('prom-client'),
    import('./plugins/metrics-server.ts'),
  ])
  const all = new AggregatorRegistry()
  await serveMetrics(listen, () => all.clusterMetrics())
}

async function end({ process: child }: Worker, signal: NodeJS.Signals | undefined): Promise<void> {
  const exit = once(child, 'exit')
  // With no pause for somebody at a keyboard, as in one process.
  child.kill(signal === 'SIGINT' ? 'SIGHUP' : 'SIGTERM')
  await exit
}
