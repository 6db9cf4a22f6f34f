import assert from 'node:assert/strict'
import { after, afterEach, test } from 'node:test'
import type { Part } from '../local-cloud/faults.ts'
import { policies } from '../src/routes/policies.ts'
import { startApp } from './helpers/app.ts'
import { startCloud } from './helpers/cloud.ts'
import { assertProblem } from './helpers/problem.ts'

const cloud = await startCloud()
const app = await startApp({ after }, cloud)
afterEach(() => cloud.faults.clear())

test('GET /healthz answers while the process lives', async () => {
  const response = await app.inject('/healthz')
  assert.deepEqual([response.statusCode, response.json()], [200, { status: 'ok' }])
  assert.equal((await app.inject({ method: 'HEAD', url: '/healthz' })).statusCode, 200)
})

test('GET /readyz names the state of the keys, Key Vault, the queue, the table and the number API', async () => {
  const response = await app.inject('/readyz')
  assert.equal(response.statusCode, 200)
  const checks = { keys: 'ok', keyVault: 'ok', queue: 'ok', table: 'ok', numberApi: 'ok' }
  assert.deepEqual(response.json(), { status: 'ready', checks })
})

const parts: Array<[part: Part, unavailable: string[]]> = [
  ['entra', ['keys']],
  ['keyVault', ['keyVault', 'numberApi']],
  ['numberApi', ['numberApi']],
]
for (const [part, expected] of parts) {
  test(`GET /readyz answers 503 and names ${expected.join(' and ')} when ${part} is down at the start`, async (t) => {
    cloud.faults.set(part, { outage: true })
    const starting = await startApp(t, cloud)
    const response = await starting.inject('/readyz')
    assert.equal(response.statusCode, 503)
    const { status, checks }: { status: string; checks: Record<string, string> } = response.json()
    assert.equal(status, 'not_ready')
    const unavailable = Object.keys(checks).filter((name) => checks[name] !== 'ok')
    assert.deepEqual(unavailable, expected)
  })
}

test('GET /readyz answers 503 when the queue is down, in time for a probe', async (t) => {
  const cut = await startApp(t, cloud, { STORAGE_QUEUE_URL: 'https://localhost:9/devstoreaccount1/code-requests' })
  const response = await cut.inject('/readyz')
  assert.equal(response.statusCode, 503)
  assert.equal(response.json().checks.queue, 'unavailable')
})

test('GET /readyz asks its neighbours once for many probes', async (t) => {
  const probed = await startApp(t, cloud)
  const before = await probed.inject('/readyz')
  cloud.faults.set('numberApi', { outage: true })
  const responses = await Promise.all(Array.from({ length: 100 }, () => probed.inject('/readyz')))
  assert.ok(responses.every(({ body }) => body === before.body))
})

test('GET / is a page that links to the API and loads nothing else', async () => {
  const response = await app.inject('/')
  assert.equal(response.statusCode, 200)
  assert.equal(response.headers['content-type'], 'text/html; charset=utf-8')
  assert.match(response.body, /href="\/api\/v1\/getcode"/)
  assert.match(String(response.headers['content-security-policy']), /^default-src 'none'; style-src 'sha256-/)
  assert.match(response.body, /How it is: <span class="state good">ready</)
  for (const route of Object.keys(policies)) assert.ok(response.body.includes(`<code>${route}</code>`), route)
  for (const [, path = ''] of response.body.matchAll(/href="(\/[^"]*)"/g)) {
    assert.notEqual((await app.inject(path)).statusCode, 404, path)
  }
})

test('GET / says which part is out of reach', async (t) => {
  cloud.faults.set('numberApi', { outage: true })
  const starting = await startApp(t, cloud)
  const { statusCode, body } = await starting.inject('/')
  assert.equal(statusCode, 200)
  assert.match(body, /not ready/)
  assert.match(body, /<li class="state bad">Number API: out of reach<\/li>/)
  assert.match(body, /<li class="state good">Signing keys<\/li>/)
})

test('GET /.well-known/oauth-protected-resource says where to get a token (RFC 9728)', async () => {
  const response = await app.inject('/.well-known/oauth-protected-resource')
  const { ENTRA_API_CLIENT_ID, B2C_TENANT_NAME, B2C_API_CLIENT_ID } = cloud.serviceEnv
  const apis = [`api://${ENTRA_API_CLIENT_ID}`, `https://${B2C_TENANT_NAME}.onmicrosoft.com/${B2C_API_CLIENT_ID}`]
  assert.match(String(response.headers['content-type']), /^application\/json(;|$)/)
  assert.deepEqual(response.json(), {
    resource: 'http://localhost:80',
    resource_name: 'fastify-entra',
    resource_documentation: 'http://localhost:80/docs',
    authorization_servers: [cloud.tokens.v2Issuer(), cloud.tokens.publishedIssuer('b2c')],
    scopes_supported: [...apis.map((api) => `${api}/.default`), ...apis.map((api) => `${api}/user_impersonation`)],
    bearer_methods_supported: ['header'],
  })
})

test('the metadata of many tenants names no template, and leaves out what has no value', async (t) => {
  const many = await startApp(t, cloud, {
    ENTRA_TENANT_ID: 'organizations',
    ENTRA_ALLOWED_TENANT_IDS: cloud.serviceEnv.ENTRA_TENANT_ID,
    ...{ B2C_TENANT_NAME: '', B2C_POLICY: '', B2C_API_CLIENT_ID: '' },
  })
  await many.entraAuth.assertReady()
  const { authorization_servers: servers } = (await many.inject('/.well-known/oauth-protected-resource')).json()
  assert.deepEqual(servers, [`${cloud.origins.entra}/organizations/v2.0`])

  cloud.faults.set('entra', { outage: true })
  const cut = await startApp(t, cloud)
  assert.ok(!('authorization_servers' in (await cut.inject('/.well-known/oauth-protected-resource')).json()))
})

test('a URL that is not there: 404 not_found', async () => {
  const problem = assertProblem(await app.inject('/nothing?access_token=secret'), { status: 404, code: 'not_found' })
  assert.doesNotMatch(JSON.stringify(problem), /secret/)
})

test('a URL that cannot be decoded: 400 request_invalid', async () => {
  assertProblem(await app.inject('/%ff'), { status: 400, code: 'request_invalid' })
})

test('a method that is not there: 405 method_not_allowed with allow', async () => {
  const response = await app.inject({ method: 'DELETE', url: '/healthz' })
  assertProblem(response, { status: 405, code: 'method_not_allowed' })
  assert.equal(response.headers['allow'], 'GET, HEAD')
})

test('what a handler did not foresee: 500 internal, and nothing of the cause in the answer', async (t) => {
  const faulty = await startAppWithRoutes(t)
  const response = await faulty.inject('/faulty')
  assertProblem(response, { status: 500, code: 'internal' })
  assert.doesNotMatch(response.body, /database|password/)
  assertProblem(await faulty.inject('/not-an-error'), { status: 500, code: 'internal' })
})

test('bodies that are too large, of another type, or not JSON: 413, 415, 400', async (t) => {
  const echo = await startAppWithRoutes(t)
  const post = (type: string, payload: string) =>
    echo.inject({ method: 'POST', url: '/echo', headers: { 'content-type': type }, payload })
  assertProblem(await post('application/json', JSON.stringify('x'.repeat(20_000))), {
    status: 413,
    code: 'payload_too_large',
  })
  assertProblem(await post('application/xml', '<a/>'), { status: 415, code: 'media_type' })
  assertProblem(await post('application/json', '{'), { status: 400, code: 'request_invalid' })
  assertProblem(await post('application/json', '{"__proto__":{"a":1}}'), { status: 400, code: 'request_invalid' })
})

/** The real application with routes that later ones could be like. */
async function startAppWithRoutes(t: Parameters<typeof startApp>[0]) {
  return await startApp(t, cloud, {}, (extended) => {
    extended.get('/faulty', () => Promise.reject(new Error('the password of the database is wrong')))
    extended.get('/not-an-error', () => Promise.reject('a text'))
    extended.post('/echo', async (request) => request.body)
  })
}

test('a path that looks like a pattern of routes is one that is not there: 404', async () => {
  for (const url of ['/*!', '/:', '/api/v1/*', '/(', '/healthz*', '/docs/(a|b)*c']) {
    assertProblem(await app.inject({ url }), { status: 404, code: 'not_found' })
  }
})

test('a long x-forwarded-for takes no time', async (t) => {
  const behindProxy = await startApp(t, cloud, { TRUST_PROXY: '10.0.0.0/8' })
  const startedAt = performance.now()
  for (const address of ['1'.repeat(30_000), '1.'.repeat(15_000), '['.repeat(30_000), `[${'a'.repeat(30_000)}`]) {
    for (let i = 0; i < 10; i += 1) {
      await behindProxy.inject({ url: '/healthz', remoteAddress: '10.0.0.1', headers: { 'x-forwarded-for': address } })
    }
  }
  assert.ok(performance.now() - startedAt < 4_000, 'some milliseconds each, and not a second')
})
