import { buildApp } from './app.ts'
import type { Config } from './config.ts'
import { endGracefully, FINISH_WITHIN_MS } from './end-gracefully.ts'
import { startTracing } from './tracing.ts'

/** The API in this process, until it is told to stop. */
export async function serve(config: Config): Promise<void> {
  const app = await buildApp(config, await startTracing(config, 'fastify-entra-api'))
  endGracefully(app, { pauseMs: config.STOP_PAUSE_MS, finishWithinMs: FINISH_WITHIN_MS })
  await app.listen({ host: config.HOST, port: config.PORT })
}
