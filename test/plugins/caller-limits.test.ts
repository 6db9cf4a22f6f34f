import assert from 'node:assert/strict'
import { test } from 'node:test'
import { caller } from '../../local-cloud/directory.ts'
import { startApp } from '../helpers/app.ts'
import { startCloud } from '../helpers/cloud.ts'
import { assertProblem } from '../helpers/problem.ts'

const cloud = await startCloud()
const authorization = `Bearer ${await cloud.tokens.forApi(caller)}`
const url = '/api/v1/getcode'

test('bad tokens from one address are refused without a reason after a while; good ones from there are served', async (t) => {
  const app = await startApp(t, cloud, { RATE_LIMIT_PER_MINUTE: '3' })
  const bad = (remoteAddress: string, headers = {}) =>
    app.inject({ url, remoteAddress, headers: { authorization: 'Bearer nonsense', ...headers } })

  for (let i = 0; i < 3; i += 1) assertProblem(await bad('192.0.2.1'), { status: 401, code: 'token_malformed' })
  const refused = await bad('192.0.2.1')
  assertProblem(refused, { status: 429, code: 'rate_limited' })
  assert.ok(Number(refused.headers['retry-after']) > 0)
  assertProblem(await app.inject({ url, remoteAddress: '192.0.2.1' }), { status: 429, code: 'rate_limited' })

  const served = await app.inject({ url, remoteAddress: '192.0.2.1', headers: { authorization } })
  assert.equal(served.statusCode, 200)
  assert.deepEqual([served.headers['ratelimit-limit'], served.headers['ratelimit-remaining']], ['3', '2'])
  assertProblem(await bad('192.0.2.2'), { status: 401, code: 'token_malformed' })
  const spoofed = await bad('192.0.2.1', { 'x-forwarded-for': '192.0.2.9' })
  assertProblem(spoofed, { status: 429, code: 'rate_limited' })
})

test('refusals of good tokens without a role count too, and whoever has one is served', async (t) => {
  const app = await startApp(t, cloud, { RATE_LIMIT_PER_MINUTE: '2' })
  const stranger = { authorization: `Bearer ${await cloud.tokens.mint({ as: 'stranger' })}` }
  const statuses = []
  for (let i = 0; i < 3; i += 1) statuses.push((await app.inject({ url, headers: stranger })).statusCode)
  assert.deepEqual(statuses, [403, 403, 429])
  assert.equal((await app.inject({ url, headers: { authorization } })).statusCode, 200)
})

test('a network of IPv6 counts as one address', async (t) => {
  const app = await startApp(t, cloud, { RATE_LIMIT_PER_MINUTE: '1' })
  assert.equal((await app.inject({ url, remoteAddress: '2001:db8::1' })).statusCode, 401)
  assert.equal((await app.inject({ url, remoteAddress: '2001:db8::2' })).statusCode, 429)
  assert.equal((await app.inject({ url, remoteAddress: '2001:db8:0:1::1' })).statusCode, 401)
})

test('a trusted proxy says whose address it is', async (t) => {
  const app = await startApp(t, cloud, { RATE_LIMIT_PER_MINUTE: '1', TRUST_PROXY: '10.0.0.0/8' })
  const from = async (address: string, remoteAddress = '10.0.0.1') =>
    (await app.inject({ url, remoteAddress, headers: { 'x-forwarded-for': address } })).statusCode
  assert.deepEqual([await from('192.0.2.1'), await from('192.0.2.1'), await from('192.0.2.2')], [401, 429, 401])
  assert.deepEqual([await from('192.0.2.3', '192.0.2.8'), await from('192.0.2.4', '192.0.2.8')], [401, 429])
})

test('the port that a proxy writes behind an address makes no other address of it', async (t) => {
  const app = await startApp(t, cloud, { RATE_LIMIT_PER_MINUTE: '1', TRUST_PROXY: '10.0.0.0/8' })
  const from = async (address: string) =>
    (await app.inject({ url, remoteAddress: '10.0.0.1', headers: { 'x-forwarded-for': address } })).statusCode
  assert.deepEqual(
    [await from('192.0.2.1:5001'), await from('192.0.2.1:5002'), await from('192.0.2.1')],
    [401, 429, 429],
  )
  assert.deepEqual([await from('[2001:db8::1]:5001'), await from('192.0.2.7, [2001:db8::1]:5002')], [401, 429])
  assert.deepEqual([await from('2001:db8:0:1::1'), await from('[2001:db8:0:1::1]')], [401, 429])
})
