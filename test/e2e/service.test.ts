import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { startCloud } from '../helpers/cloud.ts'
import { eventually, run } from '../helpers/processes.ts'
import { fetchToken, SERVER, startService } from '../helpers/service.ts'

const cloud = await startCloud()

test('serves a real token from the real token endpoint, and the code is on the queue', async (t) => {
  const { url } = await startService(t, cloud)
  const token = await fetchToken(cloud)
  const response = await fetch(`${url}/api/v1/getcode`, { headers: { authorization: `Bearer ${token}` } })
  assert.equal(response.status, 200)
  assert.match(await response.text(), /^\{"code":"[A-Za-z]{3}-\d+-[A-Za-z]{3}","timestamp":"[^"]+Z"\}$/)
})

describe('over a real connection, refuses', () => {
  const attempts: Array<[what: string, headers: (token: string) => string[], status: number, code: string]> = [
    [
      'two Authorization headers',
      (token) => [`Authorization: Bearer ${token}`, `Authorization: Bearer ${token}`],
      401,
      'token_malformed',
    ],
    [
      'two Authorization headers in different letters',
      (token) => [`authorization: Basic YTpi`, `AUTHORIZATION: Bearer ${token}`],
      401,
      'token_malformed',
    ],
    ['a token of 20 KiB', () => [`Authorization: Bearer ${'x'.repeat(20 * 1_024)}`], 401, 'token_malformed'],
  ]
  for (const [what, headers, status, code] of attempts) {
    test(`${what}: ${status} ${code}`, async (t) => {
      const { port } = await startService(t, cloud)
      const answer = await sendRaw(port, [
        'GET /api/v1/getcode HTTP/1.1',
        'Host: localhost',
        'Connection: close',
        ...headers(await fetchToken(cloud)),
      ])
      assert.match(answer, new RegExp(`^HTTP/1.1 ${status} `))
      assert.match(answer, new RegExp(`"code":"${code}"`))
    })
  }
})

test('listens while everything around it is down, and says so', async (t) => {
  for (const part of ['entra', 'keyVault', 'numberApi', 'managedIdentity'] as const)
    cloud.faults.set(part, { outage: true })
  t.after(() => cloud.faults.clear())
  const { url } = await startService(t, cloud)
  const ready = await fetch(`${url}/readyz`)
  assert.equal(ready.status, 503)
  const { checks } = Object(await ready.json())
  assert.deepEqual(checks, {
    keys: 'unavailable',
    keyVault: 'unavailable',
    queue: 'unavailable',
    table: 'unavailable',
    numberApi: 'unavailable',
  })
  cloud.faults.clear()
  await eventually(async () => (await fetch(`${url}/readyz`)).ok, 'ready once its neighbours are back', 30_000)
})

test('ends with 78 and one line for each fault of the configuration, before it listens', async (t) => {
  const { status, output } = await run(t, process.execPath, SERVER, { env: { PATH: process.env['PATH'], PORT: 'x' } })
  assert.equal(status, 78)
  for (const name of ['PORT', 'ENTRA_TENANT_ID', 'ENTRA_API_CLIENT_ID', 'KEY_VAULT_URL', 'STORAGE_QUEUE_URL']) {
    assert.match(output, new RegExp(`^${name} is `, 'm'))
  }
  assert.doesNotMatch(output, / {4}at /, 'no stack trace')
})

test('an older Node is told what is needed', async (t) => {
  const pretend =
    'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.19.0"}})'
  const { status, output } = await run(t, process.execPath, ['--import', pretend, ...SERVER])
  assert.equal(status, 1)
  assert.match(output, /This is Node 20\.19\.0; fastify-entra needs Node 22\.19 or newer/)
  assert.match(output, /npm ci/)
})

test('says which address is taken, in a line and without a stack trace to read', async (t) => {
  const { port } = await startService(t, cloud)
  const { status, output } = await run(t, process.execPath, SERVER, {
    env: { ...process.env, ...cloud.serviceEnv, PORT: String(port) },
  })
  assert.equal(status, 1)
  assert.match(output, new RegExp(`EADDRINUSE.*127\\.0\\.0\\.1:${port}`))
})

async function sendRaw(port: number, lines: string[]): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('utf8').on('data', (chunk) => {
    answer += chunk
  })
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  await once(socket, 'close')
  return answer
}
