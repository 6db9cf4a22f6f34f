import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { describe, test } from 'node:test'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { api, caller, consoleApp, docsApp, managedIdentity, stranger, tenant } from '../../local-cloud/directory.ts'
import { startCloud } from '../helpers/cloud.ts'

const cloud = await startCloud()
const { origins, serviceEnv } = cloud
const good = {
  grant_type: 'client_credentials',
  client_id: caller.clientId,
  client_secret: caller.secret,
  scope: `${api.identifierUri}/.default`,
}

async function requestToken(
  form: Record<string, string>,
  headers: Record<string, string> = {},
  tenantName = tenant.id,
) {
  const response = await fetch(`${origins.entra}/${tenantName}/oauth2/v2.0/token`, {
    method: 'POST',
    headers,
    body: new URLSearchParams(form),
  })
  return { status: response.status, body: Object(await response.json()) }
}

describe("the local cloud's Entra", () => {
  test('publishes metadata and keys as the real one: no alg, and the issuer beside each key', async () => {
    const metadata = Object(
      await (await fetch(`${origins.entra}/${tenant.id}/v2.0/.well-known/openid-configuration`)).json(),
    )
    assert.equal(metadata.issuer, `${origins.entra}/${tenant.id}/v2.0`)
    const { keys } = Object(await (await fetch(metadata.jwks_uri)).json())
    assert.equal(keys.length, 1)
    const { kty, use, kid, x5t, alg, issuer } = keys[0]
    assert.deepEqual([kty, use, kid, alg, issuer], ['RSA', 'sig', x5t, undefined, metadata.issuer])
  })

  test('gives an app a v2 token with the roles that it was granted', async () => {
    const { status, body } = await requestToken(good)
    assert.equal(status, 200)
    assert.deepEqual([body.token_type, body.expires_in], ['Bearer', 3_599])
    const claims = decodeJwt(body.access_token)
    assert.deepEqual(claims['roles'], api.appRoles)
    const { aud, iss, azp, azpacr, oid, sub, tid, ver } = claims
    assert.deepEqual(
      [aud, iss, azp, azpacr, oid, sub, tid, ver],
      [api.clientId, cloud.tokens.v2Issuer(), caller.clientId, '1', caller.objectId, caller.objectId, tenant.id, '2.0'],
    )
    assert.equal(decodeProtectedHeader(body.access_token).alg, 'RS256')
  })

  test('gives an app without a role a token all the same', async () => {
    const { status, body } = await requestToken({
      ...good,
      client_id: stranger.clientId,
      client_secret: stranger.secret,
    })
    assert.equal(status, 200)
    assert.equal(decodeJwt(body.access_token)['roles'], undefined)
  })

  test('takes the client from HTTP Basic too', async () => {
    const { grant_type, scope } = good
    const basic = Buffer.from(`${caller.clientId}:${caller.secret}`).toString('base64')
    assert.equal((await requestToken({ grant_type, scope }, { authorization: `Basic ${basic}` })).status, 200)
  })

  const refused: Array<
    [what: string, form: Record<string, string>, status: number, error: string, aadsts: number, tenantName?: string]
  > = [
    ['a wrong secret', { ...good, client_secret: 'wrong' }, 401, 'invalid_client', 7000215],
    [
      'an identity that has no secret',
      { ...good, client_id: managedIdentity.clientId },
      401,
      'invalid_client',
      7000215,
    ],
    ['an unknown app', { ...good, client_id: tenant.id }, 400, 'unauthorized_client', 700016],
    [
      'a scope that is not /.default',
      { ...good, scope: `${api.identifierUri}/Codes.Issue` },
      400,
      'invalid_scope',
      1002012,
    ],
    ['an unknown resource', { ...good, scope: 'api://unknown/.default' }, 400, 'invalid_resource', 500011],
    ['another grant', { ...good, grant_type: 'password' }, 400, 'unsupported_grant_type', 70003],
    ['no grant', { ...good, grant_type: '' }, 400, 'invalid_request', 900144],
    ['no secret', { ...good, client_secret: '' }, 400, 'invalid_request', 7000216],
    ['another tenant', good, 400, 'invalid_tenant', 90002, 'contoso.onmicrosoft.com'],
  ]
  for (const [what, form, status, error, aadsts, tenantName] of refused) {
    test(`refuses ${what}: ${error} AADSTS${aadsts}`, async () => {
      const answer = await requestToken(form, {}, tenantName)
      assert.deepEqual([answer.status, answer.body.error, answer.body.error_codes], [status, error, [aadsts]])
      assert.match(answer.body.error_description, new RegExp(`^AADSTS${aadsts}: .+ Trace ID: .+ Timestamp: `))
    })
  }

  test('refuses to exchange the token of an app, a forged one, and one for another API (on-behalf-of)', async () => {
    const obo = {
      grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
      client_id: api.clientId,
      client_secret: api.secret,
      requested_token_use: 'on_behalf_of',
      scope: `${origins.graph}/.default`,
    }
    const good = await cloud.tokens.mint({ as: 'user' })
    assert.equal(decodeJwt((await requestToken({ ...obo, assertion: good })).body.access_token)['scp'], 'User.Read')
    const bad = [await cloud.tokens.mint({}), `${good}x`, await cloud.tokens.mint({ as: 'user', claims: { aud: 'x' } })]
    for (const assertion of bad) {
      const { status, body } = await requestToken({ ...obo, assertion })
      assert.deepEqual([status, body.error, body.error_codes], [400, 'invalid_grant', [50013]])
    }
  })

  const native = { client_id: consoleApp.clientId, redirect_uri: 'http://localhost:1234' }
  const page = {
    client_id: docsApp.clientId,
    redirect_uri: 'http://localhost:3000/docs/static/oauth2-redirect.html',
  }

  async function authorize(client: Record<string, string>): Promise<string> {
    const query = new URLSearchParams({
      ...client,
      response_type: 'code',
      code_challenge_method: 'S256',
      code_challenge: createHash('sha256').update('verifier').digest('base64url'),
      state: 's',
    })
    const response = await fetch(`${origins.entra}/${tenant.id}/oauth2/v2.0/authorize?${query}`, { redirect: 'manual' })
    const target = new URL(response.headers.get('location') ?? '')
    assert.equal(target.searchParams.get('state'), 's')
    return target.searchParams.get('code') ?? ''
  }

  test('gives each authorization code once, and only to who has its verifier', async () => {
    const redeem = async (code: string, verifier: string) =>
      await requestToken({
        ...native,
        grant_type: 'authorization_code',
        code,
        code_verifier: verifier,
      })
    const code = await authorize(native)
    assert.equal((await redeem(code, 'verifier')).status, 200)
    assert.equal((await redeem(code, 'verifier')).body.error, 'invalid_grant')
    assert.equal((await redeem(await authorize(native), 'another')).body.error, 'invalid_grant')
  })

  test('lets pages redeem codes of single-page applications, and of no others', async () => {
    const origin = { origin: 'http://localhost:3000' }
    const redeem = async (client: Record<string, string>, headers: Record<string, string>) => {
      const form = { ...client, grant_type: 'authorization_code', code_verifier: 'verifier' }
      return await requestToken({ ...form, code: await authorize(client) }, headers)
    }
    assert.equal((await redeem(page, origin)).status, 200)
    assert.deepEqual((await redeem(page, {})).body.error_codes, [9002327])
    assert.deepEqual((await redeem(native, origin)).body.error_codes, [9002326])
    assert.deepEqual((await redeem({ ...page, client_secret: 'x' }, origin)).body.error_codes, [700025])

    const url = `${origins.entra}/${tenant.id}/oauth2/v2.0/token`
    const asked = { ...origin, 'access-control-request-headers': 'x-requested-with' }
    const preflight = await fetch(url, { method: 'OPTIONS', headers: asked })
    assert.equal(preflight.headers.get('access-control-allow-headers'), 'x-requested-with')
    const mayBeRead = async (client: Record<string, string>) =>
      (await fetch(url, { method: 'POST', headers: origin, body: new URLSearchParams(client) })).headers.get(
        'access-control-allow-origin',
      )
    assert.equal(await mayBeRead(page), '*')
    assert.equal(await mayBeRead(native), null)
  })

  test('sends no code to an address that the application has not registered', async () => {
    const elsewhere = { ...page, redirect_uri: 'http://localhost:3000/docs' }
    const query = new URLSearchParams({ ...elsewhere, response_type: 'code' })
    const response = await fetch(`${origins.entra}/${tenant.id}/oauth2/v2.0/authorize?${query}`, { redirect: 'manual' })
    assert.deepEqual([response.status, Object(await response.json()).error_codes], [400, [50011]])
  })

  test('signs with a new key after a rotation, and publishes the old one until it is dropped', async () => {
    const before = decodeProtectedHeader((await requestToken(good)).body.access_token).kid
    await cloud.issuer.rotateKeys()
    const after = decodeProtectedHeader((await requestToken(good)).body.access_token).kid
    assert.notEqual(after, before)
    assert.deepEqual(
      cloud.issuer.publicKeys('x').map(({ kid }) => kid),
      [after, before],
    )
    await cloud.issuer.rotateKeys({ keepOld: false })
    assert.equal(cloud.issuer.publicKeys('x').length, 1)
  })
})

describe("the local cloud's Key Vault", () => {
  const secretUrl = `${origins.keyVault}/secrets/number-api-key`
  const ask = async (token?: string, url = secretUrl) =>
    await fetch(url, token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } })

  test('challenges a request without a token', async () => {
    const response = await ask()
    assert.equal(response.status, 401)
    const expected = `Bearer authorization="${origins.entra}/${tenant.id}", resource="https://vault.azure.net"`
    assert.equal(response.headers.get('www-authenticate'), expected)
  })

  test('challenges a token for another audience, and garbage', async () => {
    assert.equal((await ask(await cloud.tokens.forApi(caller))).status, 401)
    assert.equal((await ask('garbage')).status, 401)
  })

  test('refuses an identity without access', async () => {
    assert.equal((await ask(await cloud.tokens.forAzure(caller, 'https://vault.azure.net'))).status, 403)
  })

  test('gives the newest version, an older one by its id, and 404 for a name that it has not', async () => {
    const token = await cloud.tokens.forAzure(managedIdentity, 'https://vault.azure.net')
    const first = Object(await (await ask(token)).json())
    cloud.rotateNumberApiKey()
    const second = Object(await (await ask(token)).json())
    assert.notEqual(second.value, first.value)
    assert.equal(Object(await (await ask(token, first.id)).json()).value, first.value)
    assert.equal((await ask(token, `${origins.keyVault}/secrets/nothing`)).status, 404)
  })
})

test('the managed identity endpoint wants its header and gives tokens for Azure alone', async () => {
  const ask = async (resource: string, header: string) =>
    await fetch(`${serviceEnv.IDENTITY_ENDPOINT}?api-version=2019-08-01&resource=${encodeURIComponent(resource)}`, {
      headers: { 'x-identity-header': header },
    })
  assert.equal((await ask('https://vault.azure.net', 'wrong')).status, 401)
  assert.equal((await ask('https://unknown.example', serviceEnv.IDENTITY_HEADER)).status, 400)
  const answer = Object(await (await ask('https://vault.azure.net', serviceEnv.IDENTITY_HEADER)).json())
  assert.equal(decodeJwt(answer.access_token).aud, 'https://vault.azure.net')
})

test('the number API wants its key', async () => {
  assert.equal((await fetch(serviceEnv.THIRD_PARTY_API_ENDPOINT)).status, 401)
  const headers = { 'x-functions-key': cloud.secrets.get('number-api-key')?.value ?? '' }
  const { value } = Object(await (await fetch(serviceEnv.THIRD_PARTY_API_ENDPOINT, { headers })).json())
  assert.ok(Number.isInteger(value) && value >= 1 && value <= 1_000)
})

test('storage refuses a request without a token', async () => {
  assert.equal(
    (await fetch(`${serviceEnv.STORAGE_QUEUE_URL}/messages`, { headers: { 'x-ms-version': '2024-11-04' } })).ok,
    false,
  )
})
