import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { describe, test } from 'node:test'
import { api, caller } from '../../local-cloud/directory.ts'
import { startCloud } from '../helpers/cloud.ts'
import { eventually, run } from '../helpers/processes.ts'
import { SERVER, startService } from '../helpers/service.ts'

const cloud = await startCloud()
test('serves a real token from the real token endpoint, and the code is on the queue', async (t) => {
  const { url } = await startService(t, cloud)
  const token = await getToken()
  const response = await fetch(`${url}/api/v1/getcode`, { headers: { authorization: `Bearer ${token}` } })
  assert.equal(response.status, 200)
  assert.match(await response.text(), /^\{"code":"[A-Za-z]{3}-\d+-[A-Za-z]{3}","timestamp":"[^"]+Z"\}$/)
})

test('writes no token, no key, no header and no code into any line of its log', async (t) => {
  const { url, output, child, exited } = await startService(t, cloud, { LOG_LEVEL: 'trace' })
  const token = await getToken()
  const forged = await cloud.tokens.forApi(caller, {}, { kid: 'unknown' })
  const authorization = `Bearer ${token}`
  const codes: string[] = []
  const getcode = async (path = '', value = authorization) => {
    const response = await fetch(`${url}/api/v1/getcode${path}`, { headers: { authorization: value } })
    const { code } = Object(await response.json())
    if (response.ok) codes.push(code)
  }
  const keys = [cloud.secrets.get('number-api-key')?.value ?? '']
  await getcode()
  await getcode(`?access_token=${token}`)
  await getcode('', `Bearer ${forged}`)
  for (const part of ['numberApi', 'keyVault'] as const) {
    for (const fault of [{ outage: true }, { answer: { status: 500 } }, { answer: { status: 401 } }]) {
      cloud.faults.set(part, fault)
      if (part === 'keyVault') cloud.rotateNumberApiKey()
      keys.push(cloud.secrets.get('number-api-key')?.value ?? '')
      await getcode()
      cloud.faults.clear()
    }
  }
  const user = await cloud.tokens.mint({ as: 'user' })
  for (const fault of [{}, { outage: true }, { answer: { status: 403 } }]) {
    cloud.faults.set('graph', fault)
    for (const value of [authorization, `Bearer ${user}`]) {
      await (await fetch(`${url}/api/v1/hello-graph`, { headers: { authorization: value } })).text()
    }
    cloud.faults.clear()
  }
  keys.push(cloud.secrets.get('api-client-secret')?.value ?? '', user)
  await getcode()
  child.kill('SIGTERM')
  assert.equal(await exited, 0)

  const log = output()
  assert.ok(codes.length >= 3, `codes were issued: ${codes.length}`)
  assert.ok(log.includes('"msg":"served"') && log.includes('secret_unavailable') && log.includes('number_api_failed'))
  const secrets = [
    ...codes,
    ...keys,
    ...[token, forged].flatMap((jwt) => jwt.split('.')),
    cloud.serviceEnv.IDENTITY_HEADER,
  ]
  for (const secret of secrets) assert.ok(!log.includes(secret), `the log repeats ${secret.slice(0, 12)}…`)
  assert.doesNotMatch(log, /eyJ[A-Za-z0-9_-]{20,}/, 'the log has something like a token')
  assert.doesNotMatch(log, /Bearer ey|x-functions-key/i)
  for (const line of log.trim().split('\n')) assert.doesNotThrow(() => JSON.parse(line), line)
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
        ...headers(await getToken()),
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
  await eventually(async () => (await fetch(`${url}/readyz`)).ok, 'ready once its neighbours are back', 15_000)
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

async function getToken(): Promise<string> {
  const response = await fetch(`${cloud.origins.entra}/${cloud.serviceEnv.ENTRA_TENANT_ID}/oauth2/v2.0/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: caller.clientId,
      client_secret: caller.secret,
      scope: `${api.identifierUri}/.default`,
    }),
  })
  return Object(await response.json()).access_token
}

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
