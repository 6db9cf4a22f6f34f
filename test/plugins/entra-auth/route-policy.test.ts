import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import Fastify from 'fastify'
import { type Caller, createCaller } from '../../../src/plugins/entra-auth/caller.ts'
import entraAuth from '../../../src/plugins/entra-auth/index.ts'
import { assertMayCall, assertRoutePolicy, type RoutePolicy } from '../../../src/plugins/entra-auth/route-policy.ts'

const open = { allowedClientIds: new Set<string>(), allowGuests: false }
const required = { iss: 'https://issuer', aud: 'api', sub: 'subject', exp: 2, nbf: 1, iat: 1 }
const anApp = (claims: object = {}) =>
  createCaller({ ...required, idtyp: 'app', azp: 'client-a', roles: ['R'], ...claims })
const aUser = (claims: object = {}) =>
  createCaller({ ...required, idtyp: 'user', azp: 'client-a', scp: 'S', ...claims })

const decisions: Array<[what: string, caller: Caller, policy: RoutePolicy, code: string | null, rules?: typeof open]> =
  [
    ['an app with the role', anApp(), { roles: ['R'] }, null],
    ['an app with one of two roles', anApp(), { roles: ['Q', 'R'] }, null],
    ['an app on a route for users', anApp({ scp: 'S' }), { scopes: ['S'] }, 'caller_not_allowed'],
    ['an app with the scope and not the role', anApp({ roles: [], scp: 'R' }), { roles: ['R'] }, 'role_missing'],
    ['a user with the scope', aUser(), { scopes: ['S'] }, null],
    ['a user with the role, on a route for apps', aUser({ roles: ['R'] }), { roles: ['R'] }, 'caller_not_allowed'],
    [
      'a user with the role and not the scope',
      aUser({ scp: 'X', roles: ['S'] }),
      { roles: ['R'], scopes: ['S'] },
      'scope_missing',
    ],
    ['a client that the route names', anApp({ azp: 'CLIENT-A' }), { roles: ['R'], clientIds: ['client-a'] }, null],
    ['a client that the route does not name', anApp(), { roles: ['R'], clientIds: ['client-b'] }, 'caller_not_allowed'],
    [
      'a client without an id, behind the second gate',
      anApp({ azp: undefined }),
      { roles: ['R'] },
      'caller_not_allowed',
      { allowedClientIds: new Set(['client-a']), allowGuests: false },
    ],
    [
      'a user through a client that is not on the list',
      aUser({ azp: 'client-b' }),
      { scopes: ['S'] },
      'caller_not_allowed',
      { allowedClientIds: new Set(['client-a']), allowGuests: false },
    ],
    [
      'a secret where a certificate is needed',
      anApp({ azpacr: '1' }),
      { roles: ['R'], credential: 'certificate' },
      'caller_not_allowed',
    ],
    ['a certificate where one is needed', anApp({ azpacr: '2' }), { roles: ['R'], credential: 'certificate' }, null],
    ['a certificate where a secret is enough', anApp({ azpacr: '2' }), { roles: ['R'], credential: 'secret' }, null],
    [
      'no word of a credential where a secret is needed',
      anApp(),
      { roles: ['R'], credential: 'secret' },
      'caller_not_allowed',
    ],
    [
      'a public client where a secret is needed',
      aUser({ azpacr: '0' }),
      { scopes: ['S'], credential: 'secret' },
      'caller_not_allowed',
    ],
    ['a guest', aUser({ acct: 1 }), { scopes: ['S'] }, 'guest_not_allowed'],
    ['a guest where guests may', aUser({ acct: 1 }), { scopes: ['S'] }, null, { ...open, allowGuests: true }],
  ]
for (const [what, caller, policy, code, rules = open] of decisions) {
  test(`${what}: ${code ?? 'may call'}`, () => {
    if (code === null) assertMayCall(caller, policy, rules)
    else assert.throws(() => assertMayCall(caller, policy, rules), { code })
  })
}

describe('a route policy', () => {
  const unusable = [
    undefined,
    null,
    {},
    { roles: [] },
    { roles: [''] },
    { scopes: 'S' },
    { role: ['R'] },
    { roles: ['R'], credential: 'none' },
    { clientIds: ['a'] },
  ]
  for (const policy of unusable) {
    test(`${JSON.stringify(policy)} is refused, by the name of its route`, () => {
      assert.throws(
        () => assertRoutePolicy('GET /secret', policy),
        /GET \/secret is protected and does not say who may call it/,
      )
    })
  }
})

describe('a protected scope', () => {
  const options = {
    issuers: [
      {
        kind: 'entra' as const,
        tenantId: '7c9a1e02-5d0b-4c1e-9a53-0f6f2f4d8e11',
        clientId: 'b0a7c5de-6f1d-4a0f-8f8e-2d1c0b9a8e77',
      },
    ],
    fetchJson: () => Promise.reject(new Error('no network in this test')),
  }

  test('stops the start when one of its routes has no policy', async (t) => {
    const app = Fastify()
    t.after(() => app.close())
    await app.register(entraAuth, options)
    app.register(async (scope) => {
      scope.entraAuth.protect(scope)
      scope.get('/forgotten', async () => 'secret')
    })
    await assert.rejects(async () => await app.ready(), /GET \/forgotten is protected/)
  })

  test('leaves routes outside it open, where request.caller refuses all the same', async (t) => {
    const app = Fastify()
    t.after(() => app.close())
    await app.register(entraAuth, options)
    app.get('/open', async () => 'open')
    app.get('/careless', async (request) => request.caller.subject)
    assert.equal((await app.inject('/open')).body, 'open')
    const response = await app.inject('/careless')
    assert.equal(response.statusCode, 401)
    assert.equal(response.headers['www-authenticate'], 'Bearer')
  })

  test('refuses before it reads the body', async (t) => {
    const app = Fastify()
    t.after(() => app.close())
    let parsed = false
    app.addContentTypeParser('text/plain', { parseAs: 'string' }, async () => {
      parsed = true
    })
    await app.register(entraAuth, options)
    app.register(async (scope) => {
      scope.entraAuth.protect(scope)
      scope.post('/', { config: { policy: { roles: ['R'] } } }, async () => 'served')
    })
    const response = await app.inject({
      method: 'POST',
      url: '/',
      headers: { 'content-type': 'text/plain' },
      payload: 'x',
    })
    assert.equal(response.statusCode, 401)
    assert.equal(parsed, false)
  })
})
