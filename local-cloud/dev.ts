/**
 * `npm run dev`: the local cloud and the API, restarted when its code changes, until Ctrl+C.
 * `--free-ports` and `--write-env <path>` let several run side by side, as the tests do.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { watch } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import pretty from 'pino-pretty'
import { fixedPorts, freePorts, startLocalCloud } from './cloud.ts'
import { createEnvFile } from './env-file.ts'
import { explainStartFault } from './start-fault.ts'
import { untilStopped } from './until-stopped.ts'

const ROOT = join(import.meta.dirname, '..')
const SOURCE = join(ROOT, 'src')
/** `served GET /path 200 in 3 ms`, and for a refusal its code and why. */
const LOG_LINE =
  '{msg}{if req} {req.method} {req.path} {status} in {durationMs} ms{end}{if problem} {problem}{end}{if detail}: {detail}{end}'
/** Editors write a file in several steps; one restart is enough. */
const SETTLE_MS = 100
/** Ctrl+C ends everything within two seconds, whatever a request is waiting for. */
const STOP_WITHIN_MS = 1_200

const { values: options } = parseArgs({
  options: { 'free-ports': { type: 'boolean', default: false }, 'write-env': { type: 'string' } },
})
const stopped = untilStopped()
const cloud = await startLocalCloud({ ports: options['free-ports'] ? freePorts : fixedPorts }).catch(explainStartFault)
const host = process.env['HOST'] ?? '127.0.0.1'
const port = process.env['PORT'] ?? '3000'
const apiUrl = `http://${host}:${port}`
const env = { ...cloud.serviceEnv, HOST: host, PORT: port }
const envFile = createEnvFile(options['write-env'])
envFile.write({ ...env, ...cloud.callerEnv, API_URL: apiUrl })
const log = pretty({
  colorize: process.stdout.isTTY,
  translateTime: 'SYS:HH:MM:ss',
  messageFormat: LOG_LINE,
  ignore: 'requestId,req,status,durationMs,problem,detail,claimed',
  singleLine: true,
})

let api = startApi()
if (await becomesReady(api)) printBanner()
const watcher = watch(SOURCE, { recursive: true })
void restartOnChange()

await stopped
watcher.close()
envFile.remove()
await Promise.all([stopApi(api), cloud.stop()])
process.exit(0)

function startApi(): ChildProcess {
  const child = fork(join(SOURCE, 'server.ts'), {
    cwd: ROOT,
    env: { ...process.env, ...env },
    execArgv: ['--import', join(import.meta.dirname, 'end-with-parent.mjs')],
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    // Ctrl+C reaches this process alone, which then stops the others in order.
    detached: true,
  })
  child.stdout?.pipe(log, { end: false })
  child.once('exit', (code) => {
    if (code) process.stderr.write(`The API ended with status ${code}. It starts again when its code changes.\n`)
  })
  return child
}

async function stopApi(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const exit = once(child, 'exit')
  child.kill('SIGTERM')
  await Promise.race([exit, sleep(STOP_WITHIN_MS)])
  child.kill('SIGKILL')
}

async function restartOnChange(): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  watcher.on('change', () => {
    clearTimeout(timer)
    timer = setTimeout(async () => {
      process.stdout.write('The code changed: starting the API again.\n')
      await stopApi(api)
      api = startApi()
    }, SETTLE_MS)
  })
}

async function becomesReady(child: ChildProcess): Promise<boolean> {
  while (child.exitCode === null) {
    const response = await fetch(`${apiUrl}/readyz`).catch(() => undefined)
    if (response?.ok) return true
    await sleep(50)
  }
  return false
}

function printBanner(): void {
  process.stdout.write(`
  fastify-entra is running at ${apiUrl}          Ctrl+C stops it.

  In another terminal, in this folder:

    TOKEN=$(npm run --silent token)
    curl -H "Authorization: Bearer $TOKEN" ${apiUrl}/api/v1/getcode
    npm run queue -- peek

  The local cloud: Entra ${cloud.origins.entra}, Key Vault ${cloud.origins.keyVault},
  number API ${cloud.origins.numberApi}, queue ${cloud.storage.queueUrl}

`)
}
