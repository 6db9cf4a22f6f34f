import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createTestAuthority } from 'fastify-entra/testing'
import { buildApp } from './app.ts'

test('only apps with Orders.Read may read orders', async (t) => {
  const authority = createTestAuthority()
  const app = await buildApp(authority.authOptions(['v2']))
  t.after(() => app.close())
  const read = async (token: string) =>
    (await app.inject({ url: '/orders', headers: { authorization: `Bearer ${token}` } })).statusCode

  assert.equal(await read(authority.token({ roles: ['Orders.Read'] })), 200)
  assert.equal(await read(authority.token()), 403)
  assert.equal(await read(authority.token({ roles: ['Orders.Read'], claims: { aud: 'api://other' } })), 401)
})
