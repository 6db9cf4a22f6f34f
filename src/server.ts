import closeWithGrace from 'close-with-grace'
import { buildApp } from './app.ts'
import { loadConfig } from './config.ts'
import { loadOrExit } from './load-or-exit.ts'

/** Requests in flight may finish within this time; then the process ends all the same. */
const STOP_WITHIN_MS = 20_000

const config = loadOrExit(loadConfig)
const app = await buildApp(config)

closeWithGrace({ delay: STOP_WITHIN_MS }, async ({ err, signal }) => {
  if (err) app.log.fatal({ err }, 'the process ends after an error that nothing caught')
  else app.log.info({ signal }, 'stopping')
  await app.close()
})

await app.listen({ host: config.HOST, port: config.PORT })
