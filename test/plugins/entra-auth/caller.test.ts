import assert from 'node:assert/strict'
import { test } from 'node:test'
import { inspect } from 'node:util'
import { createCaller } from '../../../src/plugins/entra-auth/caller.ts'

const required = { iss: 'https://issuer', aud: 'api', sub: 'subject', exp: 2, nbf: 1, iat: 1 }
const TENANT = '7c9a1e02-5d0b-4c1e-9a53-0f6f2f4d8e11'

const kinds: Array<[what: string, claims: Record<string, unknown>, kind: 'app' | 'user']> = [
  ['idtyp app', { idtyp: 'app' }, 'app'],
  ['idtyp app, even with a scope', { idtyp: 'app', scp: 'x' }, 'app'],
  ['idtyp user, even with equal oid and sub', { idtyp: 'user', oid: 'subject' }, 'user'],
  ['an idtyp that is new', { idtyp: 'device', oid: 'subject' }, 'user'],
  ['equal oid and sub, no scp', { oid: 'subject' }, 'app'],
  ['equal oid and sub, but a scope', { oid: 'subject', scp: 'x' }, 'user'],
  ['different oid and sub', { oid: 'other' }, 'user'],
  ['no oid', {}, 'user'],
]
for (const [what, claims, kind] of kinds) {
  test(`takes ${what} for ${kind === 'app' ? 'an app' : 'a user'}`, () => {
    assert.equal(createCaller({ ...required, ...claims }).kind, kind)
  })
}

const guests: Array<[what: string, claims: Record<string, unknown>, isGuest: boolean]> = [
  ['acct 1', { acct: 1 }, true],
  ['acct 1 as a text', { acct: '1' }, true],
  ['acct 0', { acct: 0 }, false],
  ['no acct and no idp', {}, false],
  ['idp of the own tenant', { idp: `https://sts.windows.net/${TENANT}/`, tid: TENANT }, false],
  ['idp of another tenant', { idp: 'https://sts.windows.net/other/', tid: TENANT }, true],
  ['idp live.com', { idp: 'live.com', tid: TENANT }, true],
  ['an app with an idp of another tenant', { idtyp: 'app', idp: 'https://sts.windows.net/other/', tid: TENANT }, false],
]
for (const [what, claims, isGuest] of guests) {
  test(`${what}: ${isGuest ? 'a guest' : 'no guest'}`, () => {
    assert.equal(createCaller({ ...required, ...claims }).isGuest, isGuest)
  })
}

test('reads the client, how it proved itself and the token id from v2 and from v1 claims', () => {
  const v2 = createCaller({ ...required, azp: 'client', azpacr: '2', uti: 'id' })
  assert.deepEqual([v2.clientId, v2.credential, v2.tokenId], ['client', 'certificate', 'id'])
  const v1 = createCaller({ ...required, appid: 'client', appidacr: '1', jti: 'id' })
  assert.deepEqual([v1.clientId, v1.credential, v1.tokenId], ['client', 'secret', 'id'])
  assert.equal(createCaller({ ...required, azpacr: '0' }).credential, 'none')
  assert.equal(createCaller({ ...required, azpacr: '9' }).credential, 'unknown')
})

test('takes odd shapes for absent', () => {
  const caller = createCaller({ ...required, tid: 7, oid: [], azp: {}, roles: 'a', scp: ['b'], uti: null })
  const { tenantId, objectId, clientId, roles, scopes, tokenId } = caller
  assert.deepEqual(
    [tenantId, objectId, clientId, roles.size, scopes.size, tokenId],
    [undefined, undefined, undefined, 0, 0, undefined],
  )
  assert.deepEqual([...createCaller({ ...required, roles: ['a', 7, null, 'b'] }).roles], ['a', 'b'])
})

test('gives a caller that cannot be changed, in any depth', () => {
  const caller = createCaller({ ...required, roles: ['a'], nested: { list: [1] } })
  assert.throws(() => Object.assign(caller, { kind: 'app' }), TypeError)
  assert.throws(() => Object.assign(caller.claims, { sub: 'other' }), TypeError)
  assert.throws(() => Object.assign(Object(caller.claims['nested']).list, [2]), TypeError)
  assert.throws(() => Object(caller.roles).add('x'), TypeError)
  assert.throws(() => Object(caller.roles).clear(), TypeError)
})

test('takes the claims from the token when they are asked for, the same and frozen, also into a copy', () => {
  const claims = { ...required, name: 'Žofie', roles: ['a'], nested: { list: [1] } }
  const token = `e30.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.c2ln`
  const caller = createCaller(claims, 'entra', token)
  assert.deepEqual(caller.claims, claims)
  assert.ok(caller.claims !== claims, 'those that it was made from are not kept')
  assert.equal(caller.claims, caller.claims)
  assert.throws(() => Object.assign(Object(caller.claims['nested']).list, [2]), TypeError)
  assert.deepEqual({ ...caller }.claims, claims)
  assert.deepEqual(JSON.parse(JSON.stringify(caller)).claims, claims)
})

test('keeps its token to itself', () => {
  const token = `e30.${Buffer.from(JSON.stringify(required)).toString('base64url')}.c2ln`
  const caller = createCaller(required, 'entra', token)
  const shown = [inspect(caller, { showHidden: true, depth: null, getters: true }), JSON.stringify(caller)]
  const copied = inspect(structuredClone({ ...caller, roles: [], scopes: [] }), { depth: null })
  for (const text of [...shown, copied]) assert.doesNotMatch(text, /c2ln/)
})
