import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import Fastify from 'fastify'
import entraAuth from 'fastify-entra'
import { createTestAuthority } from 'fastify-entra/testing'

test('protects a route of a fresh application, by the names that others import', async (t) => {
  const authority = createTestAuthority()
  const app = Fastify()
  t.after(() => app.close())
  await app.register(entraAuth, { ...authority.authOptions(['v2']), decoratorName: 'principal' })
  app.register(async (api) => {
    api.entraAuth.protect(api)
    api.get('/', { config: { policy: { roles: ['Reader'] } } }, async (request) => Object(request).principal.clientId)
  })
  const call = async (token: string) => await app.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })
  assert.equal((await call(authority.token({ roles: ['Reader'] }))).body, authority.identities.callerClientId)
  assert.equal((await call(authority.token())).statusCode, 403)
  assert.equal((await call(authority.token({ caller: 'user', scopes: ['read'] }))).statusCode, 403)
})

test('goes down and comes back', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const authority = createTestAuthority()
  authority.goDown()
  const app = Fastify()
  t.after(() => app.close())
  await app.register(entraAuth, authority.authOptions(['v2']))
  await assert.rejects(app.entraAuth.assertReady(), { code: 'keys_unavailable' })
  authority.comeBack()
  t.mock.timers.tick(1_000)
  await new Promise((resolve) => setImmediate(resolve))
  await app.entraAuth.assertReady()
})

test('a refusal is one line of the log: its code and what finds the token at the issuer, never the token', async (t) => {
  const authority = createTestAuthority()
  const lines: string[] = []
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk))
      done()
    },
  })
  const app = Fastify({ logger: { stream } })
  t.after(() => app.close())
  await app.register(entraAuth, authority.authOptions(['v2']))
  app.register(async (api) => {
    api.entraAuth.protect(api)
    api.get('/', { config: { policy: { roles: ['Reader'] } } }, async () => 'in')
  })
  const token = authority.token({ claims: { azp: 'a'.repeat(500) } })
  await app.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })
  const refusals = lines.map((line) => JSON.parse(line)).filter(({ msg }) => msg === 'access refused')
  assert.equal(refusals.length, 1)
  const [{ problem, claimed }] = refusals
  const { tenantId } = authority.identities
  const iss = `https://login.microsoftonline.com/${tenantId}/v2.0`
  assert.deepEqual(
    [problem, claimed],
    ['role_missing', { iss, azp: 'a'.repeat(200), tid: tenantId, uti: 'test-token' }],
  )
  for (const part of token.split('.')) assert.ok(!lines.join('').includes(part))
})
