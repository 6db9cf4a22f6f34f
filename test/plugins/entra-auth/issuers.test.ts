import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import Fastify from 'fastify'
import entraAuth, { type EntraAuthOptions } from '../../../src/plugins/entra-auth/index.ts'
import problemDetails from '../../../src/plugins/problem-details.ts'
import type { TokenOptions } from '../../../src/testing/index.ts'
import { createTestAuthority } from '../../../src/testing/index.ts'
import type { TestIssuer } from '../../../src/testing/token-claims.ts'

type Test = { after(fn: () => unknown): void }

const authority = createTestAuthority()
const { identities: id } = authority
const issuers: TestIssuer[] = ['v2', 'v1', 'multi-tenant', 'b2c', 'b2c-tfp', 'external-id']
const GRAPH = 'https://graph.microsoft.com'
const NOWHERE = 'aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee'

/** A service with one protected route, as somebody who uses the plugin would write it. */
async function buildService(t: Test, options: EntraAuthOptions) {
  const app = Fastify()
  t.after(() => app.close())
  await app.register(problemDetails)
  await app.register(entraAuth, options)
  app.register(async (api) => {
    api.entraAuth.protect(api)
    const policy = { roles: ['Reader'], scopes: ['read'] }
    api.get('/', { config: { policy } }, async ({ caller }) => ({
      ...caller,
      roles: [...caller.roles],
      scopes: [...caller.scopes],
    }))
    api.get('/strong', { config: { policy: { ...policy, credential: 'certificate' } } }, async () => ({ strong: true }))
  })
  return app
}

/** Such a service twice: one remembers tokens, and is sent everything three times; one does not. They must agree. */
async function startService(
  t: Test,
  changes: Partial<EntraAuthOptions> = {},
  trusted: TestIssuer[] = issuers,
  from = authority,
) {
  const options = { ...from.authOptions(trusted), ...changes }
  const app = await buildService(t, options)
  const forgetful = await buildService(t, { ...options, tokenCache: false })
  const call = async (token: string, url = '/') => {
    const request = { url, headers: { authorization: `Bearer ${token}` } }
    const expected = await forgetful.inject(request)
    for (let time = 1; time < 3; time += 1) {
      const answer = await app.inject(request)
      assert.deepEqual([answer.statusCode, answer.json().code], [expected.statusCode, expected.json().code])
    }
    return await app.inject(request)
  }
  return { app, call }
}

const app = (issuer: TestIssuer, claims: TokenOptions['claims'] = {}): TokenOptions => ({
  issuer,
  roles: ['Reader'],
  claims,
})
const user = (issuer: TestIssuer, claims: TokenOptions['claims'] = {}): TokenOptions => ({
  issuer,
  caller: 'user',
  scopes: ['read'],
  claims,
})

describe('accepts', () => {
  for (const issuer of issuers) {
    for (const trusted of [[issuer], issuers]) {
      const beside = trusted.length > 1 ? ', beside all the others' : ''
      test(`an app of ${issuer}${beside}`, async (t) => {
        const { call } = await startService(t, {}, trusted)
        const response = await call(authority.token(app(issuer)))
        assert.equal(response.statusCode, 200, response.body)
        const caller = response.json()
        assert.deepEqual(
          [caller.kind, caller.roles, caller.scopes, caller.clientId],
          ['app', ['Reader'], [], id.callerClientId],
        )
      })
      test(`a user of ${issuer}${beside}`, async (t) => {
        const { call } = await startService(t, {}, trusted)
        const response = await call(authority.token(user(issuer)))
        assert.equal(response.statusCode, 200, response.body)
        const caller = response.json()
        assert.deepEqual([caller.kind, caller.roles, caller.scopes, caller.isGuest], ['user', [], ['read'], false])
      })
    }
  }

  test('a sovereign cloud, by its own host and the issuer of its metadata', async (t) => {
    const host = 'https://login.microsoftonline.us'
    const issuer = `${host}/${id.tenantId}/v2.0`
    const { fetchJson } = authority.authOptions(['v2'])
    const sovereign = async (url: string, signal: AbortSignal) => {
      const answer = Object(await fetchJson?.(url.replace(host, 'https://login.microsoftonline.com'), signal))
      return url.startsWith(host) ? { ...answer, issuer } : answer
    }
    const options = {
      issuers: [{ kind: 'entra' as const, tenantId: id.tenantId, clientId: id.apiClientId, authorityHost: host }],
    }
    const { call } = await startService(t, { ...options, fetchJson: sovereign })
    assert.equal((await call(authority.token(app('v2', { iss: issuer })))).statusCode, 200)
    assert.equal((await call(authority.token(app('v2')))).json().code, 'token_issuer')
  })

  test('a client with a certificate where the route wants one, in v1 and in v2', async (t) => {
    const { call } = await startService(t)
    assert.equal((await call(authority.token(app('v2', { azpacr: '2' })), '/strong')).statusCode, 200)
    assert.equal((await call(authority.token(app('v1', { appidacr: '2' })), '/strong')).statusCode, 200)
    assert.equal((await call(authority.token(app('v2')), '/strong')).json().code, 'caller_not_allowed')
    assert.equal((await call(authority.token(app('b2c')), '/strong')).json().code, 'caller_not_allowed')
  })
})

/** What is wrong, for every issuer alike. */
const everywhere: Array<[what: string, change: (issuer: TestIssuer) => TokenOptions, code: string]> = [
  ['a token for Graph', (issuer) => app(issuer, { aud: GRAPH }), 'token_audience'],
  ['a token for another API', (issuer) => app(issuer, { aud: NOWHERE }), 'token_audience'],
  ['no audience', (issuer) => app(issuer, { aud: undefined }), 'token_claim_missing'],
  ['a list of audiences', (issuer) => app(issuer, { aud: [id.apiClientId, id.b2cApiClientId] }), 'token_audience'],
  ['an expired token', (issuer) => app(issuer, { exp: 1_700_000_000 }), 'token_expired'],
  [
    'a token of tomorrow',
    (issuer) => app(issuer, { nbf: Math.floor(Date.now() / 1_000) + 86_400 }),
    'token_not_yet_valid',
  ],
  ['no exp', (issuer) => app(issuer, { exp: undefined }), 'token_claim_missing'],
  ['no nbf', (issuer) => app(issuer, { nbf: undefined }), 'token_claim_missing'],
  ['no iat', (issuer) => app(issuer, { iat: undefined }), 'token_claim_missing'],
  ['no sub', (issuer) => app(issuer, { sub: undefined }), 'token_claim_missing'],
  ['no iss', (issuer) => app(issuer, { iss: undefined }), 'token_claim_missing'],
  ['an ID token', (issuer) => user(issuer, { nonce: 'n', scp: undefined }), 'token_claim_missing'],
  [
    'an ID token without nonce',
    (issuer) => user(issuer, { scp: undefined, azp: undefined, appid: undefined }),
    'token_claim_missing',
  ],
  [
    'an issuer that is not trusted',
    (issuer) => app(issuer, { iss: `https://evil.example/${id.tenantId}/v2.0` }),
    'token_issuer',
  ],
  ['an issuer with a slash more', (issuer) => app(issuer, { iss: `${issuerOf(issuer)}/` }), 'token_issuer'],
  ['an issuer in upper case', (issuer) => app(issuer, { iss: issuerOf(issuer).toUpperCase() }), 'token_issuer'],
  ['an issuer over http', (issuer) => app(issuer, { iss: issuerOf(issuer).replace('https', 'http') }), 'token_issuer'],
  [
    'the template of an issuer',
    (issuer) => app(issuer, { iss: 'https://login.microsoftonline.com/{tenantid}/v2.0' }),
    'token_issuer',
  ],
  ['an unknown key', (issuer) => ({ ...app(issuer), header: { kid: 'unknown' } }), 'token_key_unknown'],
  ['no key', (issuer) => ({ ...app(issuer), header: { kid: undefined } }), 'token_key_unknown'],
  ['alg none', (issuer) => ({ ...app(issuer), header: { alg: 'none' } }), 'token_algorithm'],
  ['alg HS256', (issuer) => ({ ...app(issuer), header: { alg: 'HS256' } }), 'token_algorithm'],
  ['crit', (issuer) => ({ ...app(issuer), header: { crit: ['exp'] } }), 'token_malformed'],
  ['an app without the role', (issuer) => ({ ...app(issuer), roles: [] }), 'role_missing'],
  ['a user without the scope', (issuer) => ({ ...user(issuer), scopes: ['other'] }), 'scope_missing'],
  ['a user with an app role alone', (issuer) => user(issuer, { scp: undefined, roles: ['Reader'] }), 'scope_missing'],
  [
    'a user with the scope among the roles',
    (issuer) => user(issuer, { scp: undefined, roles: ['read'] }),
    'scope_missing',
  ],
  ['a user with the app role as a scope', (issuer) => user(issuer, { scp: 'Reader' }), 'scope_missing'],
  ['a guest', (issuer) => ({ ...user(issuer), caller: 'guest' }), 'guest_not_allowed'],
]

/** Signed by one trusted issuer's key and from another, by its own word. */
const families: TestIssuer[][] = [['v2', 'v1', 'multi-tenant'], ['b2c', 'b2c-tfp'], ['external-id']]
const crossed = families.flatMap((family) =>
  families
    .filter((other) => other !== family)
    .flatMap((others) =>
      family.flatMap((issuer) => others.map((signedBy): [TestIssuer, TestIssuer] => [issuer, signedBy])),
    ),
)

/** What only some issuers' tokens can have. */
const particular: Array<[what: string, token: () => string, code: string]> = [
  [
    'v2: an app with the scope of users',
    () => authority.token({ ...app('v2', { scp: 'read' }), roles: [] }),
    'role_missing',
  ],
  [
    'v2: an app with its role as a scope',
    () => authority.token({ ...app('v2', { scp: 'Reader' }), roles: [] }),
    'role_missing',
  ],
  ['v1: the shape of a v2 token', () => authority.token(app('v1', { ver: '2.0' })), 'token_issuer'],
  ['v2: the shape of a v1 token', () => authority.token(app('v2', { ver: '1.0' })), 'token_issuer'],
  ['external-id: the shape of a v1 token', () => authority.token(app('external-id', { ver: '1.0' })), 'token_issuer'],
  [
    'external-id: the tenant name as host',
    () => authority.token(app('external-id', { iss: `https://contoso.ciamlogin.com/${id.externalTenantId}/v2.0` })),
    'token_issuer',
  ],
  ['b2c: a policy that is not trusted', () => authority.token(user('b2c', { tfp: 'B2C_1_admin' })), 'token_issuer'],
  [
    'b2c: an older claim for a policy that is not trusted',
    () => authority.token(user('b2c', { tfp: undefined, acr: 'b2c_1_admin' })),
    'token_issuer',
  ],
  ['b2c: a policy that is a list', () => authority.token(user('b2c', { tfp: [id.b2cPolicy] })), 'token_issuer'],
  ['b2c: the policy of the other issuer', () => authority.token(user('b2c', { tfp: id.b2cTfpPolicy })), 'token_issuer'],
  [
    'b2c: an issuer with /tfp/ that the metadata does not have',
    () => authority.token(app('b2c', { iss: `https://contoso.b2clogin.com/tfp/${id.b2cTenantId}/b2c_1_signin/v2.0/` })),
    'token_issuer',
  ],
  [
    'b2c: the old host of B2C',
    () => authority.token(app('b2c', { iss: `https://login.microsoftonline.com/${id.b2cTenantId}/v2.0/` })),
    'token_issuer',
  ],
  ["b2c: the workforce API's audience", () => authority.token(app('b2c', { aud: id.apiClientId })), 'token_audience'],
  ["v2: the B2C API's audience", () => authority.token(app('v2', { aud: id.b2cApiClientId })), 'token_audience'],
  [
    'b2c: a person whose scope has the name of a role',
    () => authority.token({ ...user('b2c'), scopes: ['Reader'] }),
    'scope_missing',
  ],
  [
    'b2c: an app with its roles in roles',
    () => authority.token({ ...app('b2c', { roles: ['Reader'] }), roles: [] }),
    'role_missing',
  ],
  ['b2c: roles in scp, and a policy', () => authority.token(app('b2c', { tfp: id.b2cPolicy })), 'scope_missing'],
  ['b2c: roles in scp, and a sign-in time', () => authority.token(app('b2c', { auth_time: 1 })), 'scope_missing'],
  ['b2c: roles in scp, and a name', () => authority.token(app('b2c', { name: 'A Person' })), 'scope_missing'],
  [
    'b2c: roles in scp, and the object of somebody else',
    () => authority.token(app('b2c', { oid: id.userObjectId })),
    'scope_missing',
  ],
  ['b2c: roles in scp, and no client', () => authority.token(app('b2c', { azp: undefined })), 'scope_missing'],
]

const trustingAll = await startService({ after })

describe('customers', () => {
  for (const issuer of ['b2c', 'external-id'] as const) {
    for (const idp of ['google.com', 'facebook.com', 'LocalAccount', 'mail']) {
      test(`of ${issuer} who sign in with ${idp} are no guests`, async () => {
        const response = await trustingAll.call(authority.token(user(issuer, { idp })))
        assert.deepEqual([response.statusCode, response.json().isGuest], [200, false], response.body)
      })
    }
  }

  test('of a workforce tenant are guests when another tenant signed them in, however its id is written', async () => {
    const issuerOf = (tenantId: string) => `https://sts.windows.net/${tenantId.toUpperCase()}/`
    const own = await trustingAll.call(authority.token(user('v2', { idp: issuerOf(id.tenantId) })))
    assert.equal(own.statusCode, 200)
    const other = await trustingAll.call(authority.token(user('v2', { idp: issuerOf(id.otherTenantId) })))
    assert.equal(other.json().code, 'guest_not_allowed')
  })
})

describe('refuses', () => {
  const rows: Array<[what: string, token: () => string, code: string]> = [
    ...issuers.flatMap((issuer) =>
      everywhere.map(([what, change, code]): [string, () => string, string] => [
        `${issuer}: ${what}`,
        () => authority.token(change(issuer)),
        code,
      ]),
    ),
    ...crossed.map(([issuer, signedBy]): [string, () => string, string] => [
      `${issuer}: signed by the key of ${signedBy}`,
      () => authority.token({ ...app(issuer), signedBy }),
      'token_key_unknown',
    ]),
    ...crossed.map(([issuer, signedBy]): [string, () => string, string] => [
      `${issuer}: signed by the key of ${signedBy}, under its own key's name`,
      () => authority.token({ ...app(issuer), signedBy, header: { kid: authority.keyId(issuer) } }),
      'token_signature',
    ]),
    ...particular,
  ]

  test('at least 200 kinds of token, told apart by their names', () => {
    assert.ok(rows.length >= 200, `${rows.length} rows`)
    assert.equal(new Set(rows.map(([what]) => what)).size, rows.length)
  })

  for (const [what, token, code] of rows) {
    test(`${what}: ${code}`, async () => {
      const response = await trustingAll.call(token())
      assert.equal(response.json().code, code, response.body)
      assert.equal(response.statusCode, code.startsWith('token_') ? 401 : 403)
      assert.match(String(response.headers['www-authenticate']), /^Bearer error="(invalid_token|insufficient_scope)"/)
    })
  }
})

describe('a multi-tenant API', () => {
  const other = (claims: TokenOptions['claims'] = {}) =>
    app('multi-tenant', {
      tid: id.otherTenantId,
      iss: `https://login.microsoftonline.com/${id.otherTenantId}/v2.0`,
      ...claims,
    })
  const trusting = (allowedTenants: readonly string[] | ((tenantId: string) => boolean | Promise<boolean>)) => ({
    issuers: [{ kind: 'multi-tenant' as const, clientId: id.apiClientId, allowedTenants }],
  })

  test('accepts the tenants of its list, in any letters, and no other of the same key set', async (t) => {
    const { call } = await startService(t, trusting([id.otherTenantId.toUpperCase()]))
    assert.equal((await call(authority.token(other()))).statusCode, 200)
    const response = await call(authority.token(app('multi-tenant')))
    assert.equal(response.json().code, 'token_issuer')
    assert.match(response.json().detail, new RegExp(id.tenantId))
  })

  const wrongTenants: Array<[what: string, claims: TokenOptions['claims']]> = [
    ['no tid', { tid: undefined }],
    [
      'a tid that is no GUID',
      { tid: 'contoso.onmicrosoft.com', iss: 'https://login.microsoftonline.com/contoso.onmicrosoft.com/v2.0' },
    ],
    [
      'a tid that breaks out of the template',
      { tid: `${id.otherTenantId}/../x`, iss: `https://login.microsoftonline.com/${id.otherTenantId}/../x/v2.0` },
    ],
    ['a tid that is a list', { tid: [id.otherTenantId] }],
    ["another tenant's tid", { tid: id.tenantId }],
    ["another tenant's iss", { iss: `https://login.microsoftonline.com/${id.tenantId}/v2.0` }],
    ['the template unfilled', { tid: '{tenantid}', iss: 'https://login.microsoftonline.com/{tenantid}/v2.0' }],
    ['$& in the tid', { tid: '$&', iss: 'https://login.microsoftonline.com/$&/v2.0' }],
  ]
  for (const [what, claims] of wrongTenants) {
    test(`refuses ${what}: token_issuer`, async (t) => {
      // Every tenant may call here, so that only the form of the claims can refuse.
      const { call } = await startService(
        t,
        trusting(() => true),
      )
      assert.equal((await call(authority.token(other(claims)))).json().code, 'token_issuer')
    })
  }

  test('asks a function about each tenant once, and lets in for true alone', async (t) => {
    const asked: string[] = []
    const { call } = await startService(
      t,
      trusting(async (tenantId) => {
        asked.push(tenantId)
        return tenantId === id.otherTenantId
      }),
    )
    for (let i = 0; i < 3; i += 1) {
      assert.equal((await call(authority.token(other()))).statusCode, 200)
      assert.equal((await call(authority.token(app('multi-tenant')))).json().code, 'token_issuer')
    }
    assert.deepEqual(asked, [id.otherTenantId, id.otherTenantId, id.tenantId, id.tenantId], 'once by each of the two')
  })

  test('never asks the function about a forged token', async (t) => {
    const { call } = await startService(
      t,
      trusting(() => assert.fail('nobody may ask')),
    )
    assert.equal((await call(authority.token({ ...other(), signedBy: 'b2c' }))).json().code, 'token_key_unknown')
    const forged = authority.token({ ...other(), signedBy: 'b2c', header: { kid: authority.keyId('multi-tenant') } })
    assert.equal((await call(forged)).json().code, 'token_signature')
  })

  test('answers 503 while the function fails, and asks again', async (t) => {
    let fails = true
    const { call } = await startService(
      t,
      trusting(() => (fails ? Promise.reject(new Error('database down')) : true)),
    )
    const response = await call(authority.token(other()))
    assert.deepEqual([response.statusCode, response.json().code], [503, 'tenants_unavailable'])
    assert.doesNotMatch(response.body, /database/)
    fails = false
    assert.equal((await call(authority.token(other()))).statusCode, 200)
  })

  test('refuses a token whose key is for another issuer', async (t) => {
    const { fetchJson } = authority.authOptions(['multi-tenant'])
    for (const [keyIssuer, status] of [
      [`https://login.microsoftonline.com/${id.tenantId}/v2.0`, 401],
      [`https://login.microsoftonline.com/${id.otherTenantId}/v2.0`, 200],
      ['https://login.microsoftonline.com/{tenantid}/v2.0', 200],
      ['https://sts.windows.net/{tenantid}/', 401],
      [undefined, 200],
    ] as const) {
      const perKey = async (url: string, signal: AbortSignal) => {
        const answer = Object(await fetchJson?.(url, signal))
        return 'keys' in answer ? { keys: answer.keys.map((key: object) => ({ ...key, issuer: keyIssuer })) } : answer
      }
      const { call } = await startService(t, { ...trusting([id.otherTenantId]), fetchJson: perKey })
      const response = await call(authority.token(other()))
      assert.equal(response.statusCode, status, `${keyIssuer}: ${response.body}`)
      if (status === 401) assert.equal(response.json().code, 'token_issuer')
    }
  })

  test('is unavailable when its metadata names one tenant instead of the template', async (t) => {
    const { fetchJson } = authority.authOptions(['v2'])
    const single = (url: string, signal: AbortSignal) =>
      fetchJson?.(url.replace('organizations', id.tenantId), signal) ?? Promise.reject(new Error('no fetch'))
    const { call } = await startService(t, { ...trusting([id.tenantId]), fetchJson: single })
    assert.equal((await call(authority.token(app('multi-tenant')))).json().code, 'keys_unavailable')
  })
})

describe('several issuers side by side', () => {
  test('the first callers cost one load of metadata and keys for each issuer, and later ones none', async (t) => {
    const fresh = createTestAuthority()
    const { call } = await startService(t, {}, ['v2', 'b2c'], fresh)
    for (let i = 0; i < 3; i += 1) {
      for (const issuer of ['v2', 'b2c'] as const) {
        assert.equal((await call(fresh.token(app(issuer)))).statusCode, 200)
      }
    }
    assert.equal(fresh.fetchCount, 2 * 4, 'for each of the two services')
  })

  test('one that is down does not touch the callers of another', async (t) => {
    const shaky = createTestAuthority()
    shaky.goDown('b2c')
    const { call } = await startService(t, {}, ['v2', 'b2c'], shaky)
    assert.equal((await call(shaky.token(app('v2')))).statusCode, 200)
    const response = await call(shaky.token(app('b2c')))
    assert.deepEqual([response.statusCode, response.json().code], [503, 'keys_unavailable'])
  })

  test('one that says nothing does not delay the first callers of another', async (t) => {
    const fresh = createTestAuthority()
    const { fetchJson } = fresh.authOptions()
    const silent = (url: string, signal: AbortSignal) =>
      url.includes('b2clogin')
        ? new Promise(() => undefined)
        : (fetchJson?.(url, signal) ?? Promise.reject(new Error()))
    const { call } = await startService(t, { fetchJson: silent }, ['b2c', 'v2'], fresh)
    const answer = await Promise.race([
      call(fresh.token(app('v2'))),
      new Promise((resolve) => setTimeout(resolve, 2_000)),
    ])
    assert.equal(Object(answer).statusCode, 200)
  })

  test('a key that another policy of the same B2C tenant may have is not called unknown while that policy is down', async (t) => {
    const shaky = createTestAuthority()
    shaky.goDown('b2c-tfp')
    const { call } = await startService(t, {}, ['v2', 'b2c', 'b2c-tfp'], shaky)
    const unknown = (issuer: TestIssuer) => call(shaky.token({ ...app(issuer), header: { kid: 'unknown' } }))
    assert.equal((await unknown('b2c')).json().code, 'keys_unavailable')
    assert.equal((await unknown('v2')).json().code, 'token_key_unknown')
  })

  test('the application is ready as soon as one of them is', async (t) => {
    const shaky = createTestAuthority()
    shaky.goDown('b2c')
    const { app: ready } = await startService(t, {}, ['v2', 'b2c'], shaky)
    await ready.entraAuth.assertReady()
    shaky.goDown('v2')
    const { app: notReady } = await startService(t, {}, ['v2', 'b2c'], shaky)
    await assert.rejects(notReady.entraAuth.assertReady(), { code: 'keys_unavailable' })
  })

  test('a key that was dropped by one is refused there at the next refresh, and others go on', async (t) => {
    const rotating = createTestAuthority()
    const { call } = await startService(t, {}, ['v2', 'external-id'], rotating)
    const old = rotating.token(app('v2'))
    assert.equal((await call(old)).statusCode, 200)
    rotating.rotateKeys('v2', { keepOld: false })
    assert.equal((await call(rotating.token(app('v2')))).statusCode, 200, 'the new key is looked for at once')
    assert.equal((await call(old)).json().code, 'token_key_unknown')
    assert.equal((await call(rotating.token(app('external-id')))).statusCode, 200)
  })

  test('2,000 unknown keys cost at most two fetches of keys, and delay nobody', async (t) => {
    const flooded = createTestAuthority()
    const { call } = await startService(t, {}, ['v2'], flooded)
    const good = flooded.token(app('v2'))
    assert.equal((await call(good)).statusCode, 200)
    const before = flooded.fetchCount
    const flood = Array.from({ length: 2_000 }, (_, i) =>
      call(flooded.token({ ...app('v2'), header: { kid: `made-up-${i}` } })),
    )
    assert.equal((await call(good)).statusCode, 200)
    for (const response of await Promise.all(flood)) assert.equal(response.json().code, 'token_key_unknown')
    assert.ok(flooded.fetchCount - before <= 2 * 2, 'metadata and keys, twice at most')
  })

  test('a token expires as the clock goes on, and keys are not trusted beyond 24 hours', async (t) => {
    const ageing = createTestAuthority()
    const { call } = await startService(t, {}, ['v2'], ageing)
    const token = ageing.token(app('v2'))
    assert.equal((await call(token)).statusCode, 200)
    ageing.advance(3_599_000 + 30_000)
    assert.equal((await call(token)).statusCode, 200, 'within the clock skew')
    ageing.advance(31_000)
    assert.equal((await call(token)).json().code, 'token_expired')
    ageing.goDown('v2')
    ageing.advance(23 * 3_600_000)
    assert.equal((await call(ageing.token(app('v2')))).json().code, 'keys_unavailable')
  })

  test('encapsulated scopes can trust different issuers', async (t) => {
    const service = Fastify()
    t.after(() => service.close())
    await service.register(problemDetails)
    for (const issuer of ['v2', 'b2c'] as const) {
      service.register(async (scope) => {
        await scope.register(entraAuth, authority.authOptions([issuer]))
        scope.entraAuth.protect(scope)
        scope.get(`/${issuer}`, { config: { policy: { roles: ['Reader'] } } }, async ({ caller }) => caller.issuer)
      })
    }
    for (const [path, issuer, status] of [
      ['/v2', 'v2', 200],
      ['/v2', 'b2c', 401],
      ['/b2c', 'b2c', 200],
      ['/b2c', 'v2', 401],
    ] as const) {
      const headers = { authorization: `Bearer ${authority.token(app(issuer))}` }
      assert.equal((await service.inject({ url: path, headers })).statusCode, status, `${issuer} at ${path}`)
    }
  })
})

describe('wrong options are refused at registration, by name', () => {
  const api = { clientId: id.apiClientId }
  const entra = { kind: 'entra', tenantId: id.tenantId, ...api }
  const wrong: Array<[options: unknown, message: RegExp]> = [
    [{}, /options\.issuers must name at least one/],
    [{ issuers: [] }, /options\.issuers must name at least one/],
    [
      { issuers: [{ ...entra, kind: 'azure' }] },
      /issuers\[0\]\.kind must be one of entra, multi-tenant, b2c, external-id/,
    ],
    [{ issuers: [{ ...entra, kind: '__proto__' }] }, /issuers\[0\]\.kind must be one of/],
    [{ issuers: [entra, { ...entra, tenantId: 'contoso' }] }, /issuers\[1\]\.tenantId/],
    [{ issuers: [{ kind: 'entra', ...api }] }, /issuers\[0\].*tenantId/],
    [{ issuers: [{ ...entra, clientId: 'api://x' }] }, /issuers\[0\]\.clientId/],
    [{ issuers: [{ ...entra, audience: 'x' }] }, /issuers\[0\]/],
    [{ issuers: [{ ...entra, authorityHost: 'http://login.example' }] }, /issuers\[0\]\.authorityHost/],
    [{ issuers: [{ ...entra, authorityHost: 'https://login.example/path' }] }, /issuers\[0\]\.authorityHost/],
    [{ issuers: [{ kind: 'multi-tenant', ...api }] }, /issuers\[0\].*allowedTenants/],
    [
      { issuers: [{ kind: 'multi-tenant', allowedTenants: [], ...api }] },
      /allowedTenants must be a list of tenant GUIDs/,
    ],
    [
      { issuers: [{ kind: 'multi-tenant', allowedTenants: '*', ...api }] },
      /allowedTenants must be a list of tenant GUIDs/,
    ],
    [{ issuers: [{ kind: 'b2c', tenantName: 'contoso', policies: [], ...api }] }, /issuers\[0\]\.policies/],
  ]
  for (const [options, message] of wrong) {
    test(JSON.stringify(options), async () => {
      const service = Fastify()
      await assert.rejects(async () => await service.register(entraAuth, Object(options)), message)
      await service.close()
    })
  }
})

function issuerOf(issuer: TestIssuer): string {
  const [, payload = ''] = authority.token({ issuer }).split('.')
  return JSON.parse(Buffer.from(payload, 'base64url').toString()).iss
}
