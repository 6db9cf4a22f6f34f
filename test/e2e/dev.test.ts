import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseEnv } from 'node:util'
import { eventually, freePort, isAlive, run, start } from '../helpers/processes.ts'

const CALL = 'examples/call-your-api/call.ts'

type Test = Parameters<typeof start>[0]

/** `npm run dev` beside whatever else runs on this machine, its output in a file, where what it forgets to write is missing. */
async function startDev(t: Test) {
  const folder = await mkdtemp(join(tmpdir(), 'fastify-entra-test-'))
  t.after(() => rm(folder, { recursive: true, force: true }))
  const envFile = join(folder, 'env.local')
  const port = await freePort()
  const outputFile = join(folder, 'output')
  const command = [process.execPath, 'local-cloud/dev.ts', '--free-ports', '--write-env', envFile]
  const dev = start(t, 'sh', ['-c', 'exec "$@" > "$0" 2>&1', outputFile, ...command], {
    env: { ...process.env, PORT: String(port), HOST: '127.0.0.1' },
  })
  const output = () => (existsSync(outputFile) ? readFileSync(outputFile, 'utf8') : '')
  await eventually(() => output().includes('Ctrl+C stops it'), `prints its banner: ${output()}`, 45_000)
  const tool = (script: string, ...args: string[]) =>
    run(t, process.execPath, [`--env-file=${envFile}`, '--import', './tools/trust-local-cloud.mjs', script, ...args])
  return { ...dev, output, envFile, tool, url: `http://127.0.0.1:${port}` }
}

/** Everything below a process, as /proc knows it. */
async function descendants(pid: number): Promise<number[]> {
  const children = await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8').catch(() => '')
  const pids = children.split(' ').filter(Boolean).map(Number)
  return [...pids, ...(await Promise.all(pids.map(descendants))).flat()]
}

test('the pasted commands give a token, and a code that is valid once', async (t) => {
  const { url, tool, output } = await startDev(t)
  for (const command of [
    'npm run --silent token',
    `${url}/api/v1/getcode`,
    'npm run --silent call -- verify',
    'npm run smoke',
  ]) {
    assert.ok(output().includes(command), `the banner has: ${command}`)
  }
  const token = await tool('local-cloud/token.ts')
  assert.match(token.output, /^ey[\w-]+\.[\w-]+\.[\w-]+\n$/)
  const response = await fetch(`${url}/api/v1/getcode`, { headers: { authorization: `Bearer ${token.output.trim()}` } })
  const body = await response.text()
  assert.equal(response.status, 200, body)
  const { code } = JSON.parse(body)
  assert.match((await tool(CALL, 'verify', code)).output, /^\{"valid":true,"issuedAt":"[^"]+","expiresAt":"[^"]+"\}\n$/)
  assert.equal((await tool(CALL, 'verify', code)).output, '{"valid":false}\n')
  const smoke = await tool('tools/smoke.ts')
  assert.equal(smoke.status, 0, smoke.output)
  assert.match(smoke.output, /found +its row in codes: valid, until/)

  const called = await tool(CALL, 'getcode')
  assert.equal(called.status, 0, called.output)
  assert.match(called.output, /"code":"[A-Za-z]{3}-\d+-[A-Za-z]{3}"/)

  const stranger = await tool('local-cloud/token.ts', '--as', 'stranger')
  const refused = await fetch(`${url}/api/v1/getcode`, {
    headers: { authorization: `Bearer ${stranger.output.trim()}` },
  })
  assert.equal(refused.status, 403)

  const kinds: Array<[args: string[], status: number]> = [
    [['--issuer', 'b2c'], 200],
    [['--issuer', 'b2c', '--as', 'user'], 200],
    [['--as', 'user'], 200],
    [['--as', 'guest'], 403],
    [['--issuer', 'v1'], 401],
    [['--issuer', 'external-id'], 401],
    [['--claim', 'roles=["Other"]'], 403],
    [['--claim', 'aud=https://graph.microsoft.com'], 401],
    [['--without', 'exp'], 401],
  ]
  for (const [args, status] of kinds) {
    const minted = (await tool('local-cloud/token.ts', ...args)).output.trim()
    const answer = await fetch(`${url}/api/v1/getcode`, { headers: { authorization: `Bearer ${minted}` } })
    assert.equal(answer.status, status, `${args.join(' ')}: ${await answer.text()}`)
    if (args.includes('--issuer')) continue
    const doctor = await tool('tools/doctor.ts', minted)
    assert.equal(doctor.status, status === 200 ? 0 : 1, doctor.output)
    assert.match(doctor.output, /The signature was/)
  }
  assert.equal((await tool('local-cloud/token.ts', '--issuer', 'unknown')).status, 1)
  const piped = await tool('tools/doctor.ts', '-')
  assert.match(piped.output, /FAIL {2}Form/)

  assert.equal((await tool(CALL, 'nothing')).status, 2)
})

test('every client gets a true answer about itself from Microsoft Graph', async (t) => {
  const { tool, envFile } = await startDev(t)
  const expected: Array<[way: string[], flow: string, name: string]> = [
    [[], 'client_credentials', 'Caller'],
    [['--certificate'], 'client_credentials', 'Caller'],
    [['--b2c'], 'client_credentials', 'B2C caller'],
    [['--b2c', '--certificate'], 'client_credentials', 'B2C caller'],
    [['--user'], 'on_behalf_of', 'Uma User'],
  ]
  for (const [way, flow, name] of expected) {
    const { status, output } = await tool(CALL, 'hello-graph', ...way)
    assert.equal(status, 0, `${way.join()}: ${output}`)
    const answer = JSON.parse(output)
    assert.deepEqual([answer.flow, answer.graph.displayName], [flow, name])
    if (way[0] === '--certificate') assert.equal(answer.claims.azpacr, '2')
  }
  const env = { ...process.env, ...parseEnv(readFileSync(envFile, 'utf8')) }
  for (const [command, file] of [
    ['python3', 'python/call.py'],
    ['sh', 'call.sh'],
  ] as const) {
    for (const [way, name] of [
      [[], 'Caller'],
      [['--b2c'], 'B2C caller'],
    ] as const) {
      const { status, output } = await run(t, command, [`examples/call-your-api/${file}`, 'hello-graph', ...way], {
        env,
      })
      assert.equal(status, 0, `${command}: ${output}`)
      assert.equal(JSON.parse(output).graph.displayName, name)
    }
  }
})

test('Ctrl+C ends everything within two seconds and removes the environment file', {
  skip: process.platform === 'win32',
}, async (t) => {
  const { child, exited, envFile, output, url } = await startDev(t)
  const started = await descendants(child.pid ?? 0)
  assert.ok(started.length >= 3, 'the API, the worker and the storage emulator run')
  const last = [1, 2, 3].map((number) => `/last/${number}`)
  for (const path of last) await fetch(url + path)
  const since = Date.now()
  child.kill('SIGINT')
  // As npm does, which has it from the terminal too.
  await sleep(10)
  child.kill('SIGINT')
  assert.equal(await exited, 0)
  assert.ok(Date.now() - since < 2_000)
  // Every line is there, in order: of the API, and of the worker, which says the same.
  const stopping = () => output().match(/stopping|\/last\/\d/g) ?? []
  assert.equal(stopping().length, 5, output())
  assert.deepEqual(
    stopping().filter((line) => line !== 'stopping'),
    last,
  )
  assert.equal(stopping().at(-1), 'stopping')
  assert.deepEqual(started.filter(isAlive), [])
  assert.throws(() => readFileSync(envFile), { code: 'ENOENT' })
})

test('nothing outlives it when it is killed', { skip: process.platform === 'win32' }, async (t) => {
  const { child } = await startDev(t)
  const started = await descendants(child.pid ?? 0)
  assert.ok(started.length >= 3, 'the API, the worker and the storage emulator run')
  child.kill('SIGKILL')
  await eventually(() => started.every((pid) => !isAlive(pid)), 'its processes are gone', 3_000)
})

test('tools say what to do when no local cloud runs', async (t) => {
  const { PATH } = process.env
  const token = await run(t, process.execPath, ['local-cloud/token.ts'], { env: { PATH } })
  assert.equal(token.status, 1)
  assert.match(token.output, /npm run dev/)
  const call = await run(t, process.execPath, [CALL, 'getcode'], { env: { PATH } })
  assert.equal(call.status, 78)
  assert.match(call.output, /CALLER_CLIENT_ID is missing.*npm run dev/)
  const queue = await run(t, process.execPath, ['tools/queue.ts', 'peek'], { env: { PATH } })
  assert.equal(queue.status, 78)
  assert.match(queue.output, /STORAGE_QUEUE_URL is missing/)
})
