import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import entraAuth from '../../../src/plugins/entra-auth/index.ts'
import { createTestAuthority } from '../../../src/testing/index.ts'

test('a token that the application holds for a request goes through every rule, and is the one for on-behalf-of', async (t) => {
  const authority = createTestAuthority()
  const app = Fastify()
  t.after(() => app.close())
  await app.register(entraAuth, authority.authOptions(['v2']))
  let held = ''
  app.get('/', async (request) => {
    await app.entraAuth.authenticate(request, held, { scopes: ['read'] })
    return { kind: request.caller.kind, isHeld: app.entraAuth.tokenOf(request) === held }
  })
  const good = authority.token({ caller: 'user', scopes: ['read'] })
  const rows: Array<[token: string, status: number, code: string | undefined]> = [
    [good, 200, undefined],
    [good, 200, undefined],
    [authority.token({ caller: 'user', scopes: ['write'] }), 403, 'scope_missing'],
    [authority.token({ roles: ['read'] }), 403, 'caller_not_allowed'],
    [`${good.slice(0, -4)}AAAA`, 401, 'token_signature'],
    ['', 401, 'token_missing'],
  ]
  for (const [token, status, code] of rows) {
    held = token
    // What came with the request itself is not looked at.
    const response = await app.inject({ url: '/', headers: { authorization: `Bearer ${good}` } })
    assert.equal(response.statusCode, status, response.body)
    if (code === undefined) assert.deepEqual(response.json(), { kind: 'user', isHeld: true })
    else assert.equal(response.json().code, code)
  }
})

test('of two tokens for one request the second is all that counts, also in what its refusal says', async (t) => {
  const authority = createTestAuthority()
  const app = Fastify()
  t.after(() => app.close())
  const told: unknown[] = []
  await app.register(entraAuth, {
    ...authority.authOptions(['v2']),
    onRefused: (_request, { code, claimed }) => told.push([code, claimed]),
  })
  const good = authority.token({ caller: 'user', scopes: ['read'] })
  app.get('/', async (request) => {
    for (const token of [`${good.slice(0, -4)}AAAA`, good, 'not a token']) {
      await app.entraAuth.authenticate(request, token, { scopes: ['read'] }).catch(() => undefined)
    }
    return app.entraAuth.callerOf(request)
  })
  assert.equal((await app.inject('/')).body, 'null')
  assert.deepEqual(told.at(-1), ['token_malformed', {}])
})
