import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { optionOf, recordAz, settingsOf } from '../helpers/azure-cli.ts'
import { startCloud } from '../helpers/cloud.ts'
import { eventually, freePort, run, start } from '../helpers/processes.ts'

const cloud = await startCloud()
const folder = await mkdtemp(join(tmpdir(), 'fastify-entra-test-'))
after(() => rm(folder, { recursive: true }))
const deployed = await recordAz({ after }, `export AZ_STUB_KEEP='${folder}'; bash infra/deploy.sh --name codes`)
const provisioned = await recordAz({ after }, 'bash infra/provision.sh --name codes')

/** What Azure would run for an app: the zip it got, with the start command and the settings of provision.sh. */
async function startApp(t: Parameters<typeof start>[0], app: string, env: Record<string, string>) {
  const { status, output } = await run(t, 'unzip', ['-q', '-d', join(folder, app), join(folder, `${app}.zip`)])
  assert.equal(status, 0, output)
  const of = (command: string) =>
    provisioned.calls.find((call) => call.command === command && optionOf(call.args, '--name') === app)?.args ?? []
  const [node = '', ...args] = (optionOf(of('webapp config set'), '--startup-file') ?? '').split(' ')
  assert.equal(node, 'node')
  return start(t, process.execPath, args, {
    cwd: join(folder, app),
    // The neighbours are those of the local cloud; everything else is as in Azure.
    env: { ...settingsOf(of('webapp config appsettings set')), ...cloud.serviceEnv, HOST: '127.0.0.1', ...env },
  })
}

async function isOk(url: string): Promise<boolean> {
  return await fetch(url).then(
    ({ ok }) => ok,
    () => false,
  )
}

test('deploy.sh brings the worker and the number API before the API that needs them', () => {
  assert.equal(deployed.status, 0, deployed.output)
  const targets = deployed.calls.flatMap(({ command, args }) =>
    /deploy/.test(command) ? [optionOf(args, '--name')] : [],
  )
  assert.deepEqual(targets, ['codes-numbers', 'codes-worker', 'codes-api'])
})

test('the API runs from its zip with the settings of provision.sh, and is ready', async (t) => {
  const PORT = String(await freePort())
  const api = await startApp(t, 'codes-api', { PORT })
  await eventually(() => isOk(`http://127.0.0.1:${PORT}/readyz`), `ready: ${api.output()}`, 60_000)
})

test('so does the worker', async (t) => {
  const METRICS_PORT = String(await freePort())
  const worker = await startApp(t, 'codes-worker', { METRICS_PORT })
  await eventually(() => isOk(`http://127.0.0.1:${METRICS_PORT}/readyz`), `ready: ${worker.output()}`, 60_000)
})

test("the number API's zip is a Function with its dependencies", async (t) => {
  const { output } = await run(t, 'unzip', ['-Z1', join(folder, 'codes-numbers.zip')])
  const files = output.split('\n')
  for (const file of ['host.json', 'package.json', 'node_modules/@azure/functions/package.json']) {
    assert.ok(files.includes(file), file)
  }
})
