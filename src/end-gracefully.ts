import cluster from 'node:cluster'
import { setTimeout as sleep } from 'node:timers/promises'
import closeWithGrace from 'close-with-grace'
import type { FastifyInstance } from 'fastify'

/** What is under way may finish within this time. No request takes longer. */
export const FINISH_WITHIN_MS = 20_000

interface EndOptions {
  /** From SIGTERM until connections are refused: so long others may take to see in `/readyz` that it stops. */
  pauseMs: number
  /** From then on, until the process ends all the same. */
  finishWithinMs: number
}

/**
 * Ends the process once the application is closed: told by SIGTERM or SIGINT, with status 0; after an error that nothing
 * caught, with 1. A second signal ends it at once. SIGINT is somebody at a keyboard, and there is no pause.
 */
export function endGracefully(app: FastifyInstance, { pauseMs, finishWithinMs }: EndOptions): void {
  // Ctrl+C reaches every process of a terminal; one of several (run-several.ts) waits to be told by the first of them.
  const skip = cluster.isWorker ? (['SIGINT'] as const) : []
  for (const signal of skip) process.on(signal, () => undefined)

  closeWithGrace({ delay: pauseMs + finishWithinMs, skip: [...skip] }, async ({ err, signal }) => {
    if (err) app.log.fatal({ err }, 'the process ends after an error that nothing caught')
    else app.log.info({ signal }, 'stopping')
    app.readiness.announceStop()
    if (signal === 'SIGTERM') await sleep(pauseMs)
    await app.close()
  })
}
