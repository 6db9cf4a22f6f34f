/**
 * `npm run dev`: the local cloud, the API and the worker, restarted when their code changes, until Ctrl+C.
 * `--free-ports` and `--write-env <path>` let several run side by side, as the tests do.
 */
import { watch } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import pretty from 'pino-pretty'
import { fixedPorts, freePorts, startLocalCloud } from './cloud.ts'
import { createEnvFile } from './env-file.ts'
import { createServiceProcess } from './service-process.ts'
import { explainStartFault } from './start-fault.ts'
import { untilStopped } from './until-stopped.ts'

/** `served GET /path 200 in 3 ms`, and for a refusal its code and why. */
const LOG_LINE =
  '{msg}{if req} {req.method} {req.path} {status} in {durationMs} ms{end}{if problem} {problem}{end}{if detail}: {detail}{end}'
/** Editors write a file in several steps; one restart is enough. */
const SETTLE_MS = 100

const { values: options } = parseArgs({
  options: { 'free-ports': { type: 'boolean', default: false }, 'write-env': { type: 'string' } },
})
const stopped = untilStopped()
const cloud = await startLocalCloud({ ports: options['free-ports'] ? freePorts : fixedPorts }).catch(explainStartFault)
const host = process.env['HOST'] ?? '127.0.0.1'
const port = process.env['PORT'] ?? '3000'
const apiUrl = `http://${host}:${port}`
const env = { ...cloud.serviceEnv, HOST: host, PORT: port, WEB_ORIGIN: apiUrl }
const envFile = createEnvFile(options['write-env'])
envFile.write({ ...env, ...cloud.callerEnv, API_URL: apiUrl })
const log = pretty({
  colorize: process.stdout.isTTY,
  translateTime: 'SYS:HH:MM:ss',
  messageFormat: LOG_LINE,
  ignore: 'requestId,req,status,durationMs,caller,problem,detail,claimed',
  singleLine: true,
  // Otherwise the last lines are lost when this process ends.
  sync: true,
})

const api = createServiceProcess({ name: 'API', entry: 'src/server.ts', env, log })
const worker = createServiceProcess({
  name: 'worker',
  entry: 'src/worker.ts',
  env: { ...env, ...workerMetrics() },
  log,
})
const services = [api, worker]
for (const service of services) service.start()
if (await becomesReady()) printBanner()
const watcher = watch(join(import.meta.dirname, '..', 'src'), { recursive: true })
restartOnChange()

await stopped
watcher.close()
envFile.remove()
await Promise.all([...services.map((service) => service.stop()), cloud.stop()])
process.exit(0)

function restartOnChange(): void {
  let timer: NodeJS.Timeout | undefined
  watcher.on('change', () => {
    clearTimeout(timer)
    timer = setTimeout(async () => {
      process.stdout.write('The code changed: starting the API and the worker again.\n')
      await Promise.all(services.map((service) => service.stop()))
      for (const service of services) service.start()
    }, SETTLE_MS)
  })
}

/** Both would listen on METRICS_PORT: the worker takes the next one. */
function workerMetrics(): Record<string, string> {
  const { METRICS_PORT } = process.env
  return METRICS_PORT ? { METRICS_PORT: String(Number(METRICS_PORT) + 1) } : {}
}

async function becomesReady(): Promise<boolean> {
  while (api.isRunning) {
    const response = await fetch(`${apiUrl}/readyz`).catch(() => undefined)
    if (response?.ok) return true
    await sleep(50)
  }
  return false
}

function printBanner(): void {
  process.stdout.write(`
  fastify-entra is running at ${apiUrl}          Ctrl+C stops it.

  Open it in a browser to sign in, or ${apiUrl}/docs to try the API out.
  In another terminal, in this folder:

    TOKEN=$(npm run --silent token)
    curl -H "Authorization: Bearer $TOKEN" ${apiUrl}/api/v1/getcode
    npm run --silent call -- verify <the code>
    npm run smoke

  The local cloud: Entra ${cloud.origins.entra}, Key Vault ${cloud.origins.keyVault},
  number API ${cloud.origins.numberApi}, queue ${cloud.storage.queueUrl}

`)
}
