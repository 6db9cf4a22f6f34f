import assert from 'node:assert/strict'
import { after, afterEach, describe, test } from 'node:test'
import type { FastifyInstance } from 'fastify'
import { api, b2cCaller, caller, user } from '../../local-cloud/directory.ts'
import type { Fault } from '../../local-cloud/faults.ts'
import { startApp } from '../helpers/app.ts'
import { startCloud } from '../helpers/cloud.ts'
import { assertProblem } from '../helpers/problem.ts'

type Wish = Parameters<typeof cloud.tokens.mint>[0]

const cloud = await startCloud()
const app = await startApp({ after }, cloud)
afterEach(() => cloud.faults.clear())

async function hello(wish: Wish, from: FastifyInstance = app) {
  const headers = { authorization: `Bearer ${await cloud.tokens.mint(wish)}` }
  return await from.inject({ url: '/api/v1/hello-graph', headers })
}

/** Counts the requests that a part gets while something happens. */
async function countRequests(part: 'entra' | 'graph', work: () => Promise<unknown>): Promise<number> {
  const before = cloud.faults.count(part)
  await work()
  return cloud.faults.count(part) - before
}

describe('greets', () => {
  test('an app by its service principal, asked for in the name of this service', async () => {
    const response = await hello({})
    assert.equal(response.statusCode, 200, response.body)
    const { claims, flow, graph } = response.json()
    assert.equal(flow, 'client_credentials')
    assert.equal(claims.azp, caller.clientId)
    assert.deepEqual(graph, { id: caller.objectId, appId: caller.clientId, displayName: caller.displayName })
    assert.doesNotMatch(response.body, /eyJ|access_token/)
  })

  test('a user by the person, on behalf of the user', async () => {
    const response = await hello({ as: 'user' })
    assert.equal(response.statusCode, 200, response.body)
    const { claims, flow, graph } = response.json()
    assert.deepEqual([flow, claims.oid], ['on_behalf_of', user.objectId])
    const { objectId: id, displayName, mail } = user
    assert.deepEqual(graph, { id, displayName, mail, userPrincipalName: mail })
    assert.doesNotMatch(response.body, /eyJ|access_token/)
  })

  test('an app of B2C by its service principal in that directory', async () => {
    const response = await hello({ issuer: 'b2c', claims: { azp: b2cCaller.clientId } })
    assert.equal(response.statusCode, 200, response.body)
    const { flow, graph } = response.json()
    assert.deepEqual([flow, graph.displayName], ['client_credentials', b2cCaller.displayName])
  })

  test('a user of B2C by the person in that directory, since B2C has no on-behalf-of flow', async () => {
    const response = await hello({ issuer: 'b2c', as: 'user' })
    assert.equal(response.statusCode, 200, response.body)
    const { flow, graph } = response.json()
    assert.deepEqual([flow, graph], ['client_credentials', { id: user.objectId, displayName: user.displayName }])
  })
})

describe('on behalf of', () => {
  test('sends exactly the fields of the protocol', async (t) => {
    const fresh = await startApp(t, cloud)
    cloud.onBehalfOfRequests.length = 0
    const token = await cloud.tokens.mint({ as: 'user' })
    const headers = { authorization: `Bearer ${token}` }
    assert.equal((await fresh.inject({ url: '/api/v1/hello-graph', headers })).statusCode, 200)
    assert.equal(cloud.onBehalfOfRequests.length, 1)
    const [fields = {}] = cloud.onBehalfOfRequests
    assert.equal(fields['grant_type'], 'urn:ietf:params:oauth:grant-type:jwt-bearer')
    assert.equal(fields['requested_token_use'], 'on_behalf_of')
    assert.equal(fields['assertion'], token)
    assert.equal(fields['client_id'], api.clientId)
    assert.ok(String(fields['scope']).split(' ').includes(`${cloud.origins.graph}/.default`), String(fields['scope']))
  })

  const credentials: Array<[what: string, changes: Record<string, string>, fields: string[]]> = [
    ['a secret', {}, ['client_secret']],
    [
      'a certificate',
      { ENTRA_API_CLIENT_SECRET_NAME: '', ENTRA_API_CERTIFICATE_NAME: 'api-certificate' },
      ['client_assertion', 'client_assertion_type'],
    ],
    [
      'the managed identity, without any secret',
      { ENTRA_API_CLIENT_SECRET_NAME: '' },
      ['client_assertion', 'client_assertion_type'],
    ],
  ]
  for (const [what, changes, fields] of credentials) {
    test(`proves who the API is with ${what}`, async (t) => {
      const configured = await startApp(t, cloud, changes)
      cloud.onBehalfOfRequests.length = 0
      const response = await hello({ as: 'user' }, configured)
      assert.equal(response.statusCode, 200, response.body)
      const proof = Object.keys(cloud.onBehalfOfRequests[0] ?? {}).filter((name) =>
        /^client_(secret|assertion)/.test(name),
      )
      assert.deepEqual(proof.sort(), fields)
    })
  }

  test('takes a rotated secret from the vault without a restart', async (t) => {
    const rotating = await startApp(t, cloud)
    assert.equal((await hello({ as: 'user' }, rotating)).statusCode, 200)
    cloud.rotateApiSecret()
    t.after(() => cloud.rotateApiSecret('local-api-secret'))
    const response = await hello({ as: 'user', claims: { uti: 'another token' } }, rotating)
    assert.equal(response.statusCode, 200, response.body)
  })

  test('asks the user for consent: 401 insufficient_claims', async () => {
    const response = await hello({ as: 'unconsenting' })
    assertProblem(response, { status: 401, code: 'insufficient_claims' })
    assert.equal(
      response.headers['www-authenticate'],
      'Bearer error="insufficient_claims", resource_metadata="http://localhost:80/.well-known/oauth-protected-resource"',
    )
  })

  test('hands on the claims that conditional access wants: 401 insufficient_claims', async () => {
    const response = await hello({ as: 'multiFactor' })
    assertProblem(response, { status: 401, code: 'insufficient_claims' })
    const [, claims = ''] =
      /^Bearer error="insufficient_claims", claims="([^"]+)", resource_metadata=/.exec(
        String(response.headers['www-authenticate']),
      ) ?? []
    const { access_token: wanted } = JSON.parse(Buffer.from(claims, 'base64').toString())
    assert.equal(wanted.capolids.essential, true)
  })
})

describe('refuses before anything is asked of Graph', () => {
  const refused: Array<[what: string, wish: Wish, code: string]> = [
    ['an app without the role', { as: 'stranger' }, 'role_missing'],
    ['a user without the scope', { as: 'user', claims: { scp: 'other' } }, 'scope_missing'],
    ['a guest', { as: 'guest' }, 'guest_not_allowed'],
    ['a B2C app without the role', { issuer: 'b2c', as: 'stranger' }, 'role_missing'],
  ]
  for (const [what, wish, code] of refused) {
    test(`${what}: 403 ${code}`, async () => {
      const asked = await countRequests('graph', async () => assertProblem(await hello(wish), { status: 403, code }))
      assert.equal(asked, 0)
    })
  }
})

describe('when Microsoft Graph', () => {
  const answer = (status: number, body = '', headers = {}): Fault => ({ answer: { status, body, headers } })
  const faults: Array<[what: string, fault: Fault, status: number, code: string, upstreamStatus?: number]> = [
    ['refuses the permission', answer(403), 502, 'graph_forbidden', 403],
    ['refuses the token', answer(401), 502, 'graph_forbidden', 401],
    ['does not know the caller', answer(404), 502, 'graph_failed', 404],
    ['fails', answer(500), 502, 'graph_failed', 500],
    ['throttles for long', answer(429, '', { 'retry-after': '1' }), 502, 'graph_failed', 429],
    ['answers garbage', answer(200, '<html>'), 502, 'graph_failed'],
    ['answers a list', answer(200, '[]'), 502, 'graph_failed'],
    ['hangs up', { outage: true }, 502, 'graph_failed'],
  ]
  for (const [what, fault, status, code, upstreamStatus] of faults) {
    test(`${what}: ${status} ${code}, and it recovers`, async () => {
      cloud.faults.set('graph', fault)
      const problem = assertProblem(await hello({}), { status, code })
      assert.equal(problem['upstreamStatus'], upstreamStatus)
      cloud.faults.clear()
      assert.equal((await hello({})).statusCode, 200)
    })
  }

  test('says nothing: 504 graph_timeout within its deadline', async () => {
    cloud.faults.set('graph', { silence: true })
    assertProblem(await hello({}), { status: 504, code: 'graph_timeout' })
  })

  test('names the permission to grant', async () => {
    cloud.faults.set('graph', answer(403))
    assert.match(
      String(assertProblem(await hello({}), { status: 502, code: 'graph_forbidden' })['detail']),
      /Application\.Read\.All/,
    )
    const asUser = assertProblem(await hello({ as: 'user' }), { status: 502, code: 'graph_forbidden' })
    assert.match(String(asUser['detail']), /User\.Read,/)
  })

  test('throttles once: the request is repeated after retry-after and served', async () => {
    cloud.faults.set('graph', { ...answer(429, '', { 'retry-after': '1' }), times: 1 })
    assert.equal((await hello({})).statusCode, 200)
  })
})

test('Entra down during on-behalf-of: 502 graph_failed, and nothing of the cause in the answer', async (t) => {
  const fresh = await startApp(t, cloud)
  assert.equal((await hello({}, fresh)).statusCode, 200)
  cloud.faults.set('entra', { outage: true })
  const response = await hello({ as: 'user' }, fresh)
  assertProblem(response, { status: 502, code: 'graph_failed' })
  assert.doesNotMatch(response.body, /ECONN|socket|localhost/)
})

test('a vault that is down when the secret is needed: 503 secret_unavailable', async (t) => {
  const fresh = await startApp(t, cloud)
  assert.equal((await hello({}, fresh)).statusCode, 200)
  cloud.faults.set('keyVault', { outage: true })
  assertProblem(await hello({ as: 'user' }, fresh), { status: 503, code: 'secret_unavailable' })
})

test('a B2C caller where its directory is not configured: 501 graph_not_configured, naming the variables', async (t) => {
  const bare = await startApp(t, cloud, {
    B2C_DIRECTORY_TENANT_ID: '',
    B2C_DIRECTORY_CLIENT_ID: '',
    B2C_DIRECTORY_CLIENT_SECRET_NAME: '',
  })
  const problem = assertProblem(await hello({ issuer: 'b2c' }, bare), { status: 501, code: 'graph_not_configured' })
  assert.match(
    String(problem['detail']),
    /B2C_DIRECTORY_TENANT_ID, B2C_DIRECTORY_CLIENT_ID, B2C_DIRECTORY_CLIENT_SECRET_NAME/,
  )
})

test('a second call of the same caller costs no token request', async () => {
  for (const wish of [{}, { as: 'user' as const }, { issuer: 'b2c' as const, claims: { azp: b2cCaller.clientId } }]) {
    const headers = { authorization: `Bearer ${await cloud.tokens.mint(wish)}` }
    const call = () => app.inject({ url: '/api/v1/hello-graph', headers })
    assert.equal((await call()).statusCode, 200)
    assert.equal(await countRequests('entra', call), 0, JSON.stringify(wish))
  }
})
