import cluster from 'node:cluster'
import { loadConfig } from './config.ts'
import { loadOrExit } from './load-or-exit.ts'
import { assertTracesPossible } from './tracing.ts'

const config = loadOrExit(() => assertTracesPossible(loadConfig()))

// Each is loaded where it runs: the process that watches over others needs little memory.
if (config.WORKERS > 1 && cluster.isPrimary) {
  const { runSeveral } = await import('./run-several.ts')
  runSeveral(config)
} else {
  const { serve } = await import('./serve.ts')
  await serve(config)
}
