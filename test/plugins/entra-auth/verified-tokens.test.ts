import assert from 'node:assert/strict'
import { after, describe, test } from 'node:test'
import Fastify from 'fastify'
import { createAuthenticator } from '../../../src/plugins/entra-auth/authenticator.ts'
import type { Caller } from '../../../src/plugins/entra-auth/caller.ts'
import entraAuth, { type EntraAuthOptions } from '../../../src/plugins/entra-auth/index.ts'
import { type IssuerSettings, readIssuerOptions } from '../../../src/plugins/entra-auth/issuer-options.ts'
import { wrongSignature } from '../../../src/plugins/entra-auth/signature.ts'
import { createTrustedIssuer } from '../../../src/plugins/entra-auth/trusted-issuer.ts'
import { createVerifiedTokens } from '../../../src/plugins/entra-auth/verified-tokens.ts'
import problemDetails from '../../../src/plugins/problem-details.ts'
import { createTestAuthority, type TokenOptions } from '../../../src/testing/index.ts'

const HOUR_MS = 3_600_000

/** A service that gives every request's caller to the test. */
async function startService(options: EntraAuthOptions) {
  const app = Fastify()
  after(() => app.close())
  const callers: Caller[] = []
  await app.register(problemDetails)
  await app.register(entraAuth, options)
  app.register(async (api) => {
    api.entraAuth.protect(api)
    for (const role of ['Reader', 'Writer']) {
      api.get(`/${role}`, { config: { policy: { roles: [role] } } }, async ({ caller }) => {
        callers.push(caller)
        return role
      })
    }
  })
  const call = async (token: string, url = '/Reader') =>
    await app.inject({ url, headers: { authorization: `Bearer ${token}` } })
  return { call, callers }
}

describe('a token that was verified before', () => {
  test('gives the same frozen caller again, and another one when tokens are not remembered', async () => {
    const authority = createTestAuthority()
    const token = authority.token({ roles: ['Reader'] })
    for (const tokenCache of [undefined, false] as const) {
      const { call, callers } = await startService({
        ...authority.authOptions(),
        ...(tokenCache === false && { tokenCache }),
      })
      for (let i = 0; i < 4; i += 1) assert.equal((await call(token)).statusCode, 200)
      assert.equal(new Set(callers).size, tokenCache === false ? 4 : 1)
      assert.ok(callers.every(Object.isFrozen))
      assert.deepEqual(callers[0], callers[3])
    }
  })

  test('opens a route by that route’s policy, every time', async () => {
    const authority = createTestAuthority()
    const { call } = await startService(authority.authOptions())
    const token = authority.token({ roles: ['Reader'] })
    for (let i = 0; i < 3; i += 1) {
      assert.equal((await call(token)).statusCode, 200)
      assert.equal((await call(token, '/Writer')).json().code, 'role_missing')
    }
  })

  test('is refused with what it claims, as one that was not, and as one that is forged', async () => {
    const authority = createTestAuthority()
    const told: Array<[code: string, uti: string | undefined]> = []
    const { call } = await startService({
      ...authority.authOptions(),
      onRefused: (_request, { code, claimed }) => told.push([code, claimed['uti']]),
    })
    const token = authority.token({ roles: ['Reader'], claims: { uti: 'first' } })
    for (let i = 0; i < 3; i += 1) await call(token, '/Writer')
    const other = authority.token({ roles: ['Reader'], claims: { uti: 'second' } })
    await call(`${other.slice(0, -4)}AAAA`)
    await call(authority.token({ claims: { uti: 'third', iss: 'https://elsewhere.example/' } }))
    await call('not.a.token')
    assert.deepEqual(told, [
      ['role_missing', 'first'],
      ['role_missing', 'first'],
      ['role_missing', 'first'],
      ['token_signature', 'second'],
      ['token_issuer', 'third'],
      ['token_malformed', undefined],
    ])
  })

  test('expires all the same, after the clock skew', async () => {
    const authority = createTestAuthority()
    const { call } = await startService(authority.authOptions())
    const token = authority.token({ roles: ['Reader'] })
    for (let i = 0; i < 3; i += 1) assert.equal((await call(token)).statusCode, 200)
    authority.advance(HOUR_MS + 30_000)
    assert.equal((await call(token)).statusCode, 200)
    authority.advance(31_000)
    assert.equal((await call(token)).json().code, 'token_expired')
    authority.advance(-10 * HOUR_MS)
    assert.equal((await call(token)).json().code, 'token_not_yet_valid', 'clocks can be set back, too')
  })

  test('is refused once its key left the key set', async () => {
    const authority = createTestAuthority()
    const { call } = await startService(authority.authOptions(['v2']))
    const token = authority.token({ roles: ['Reader'] })
    for (let i = 0; i < 3; i += 1) assert.equal((await call(token)).statusCode, 200)
    authority.rotateKeys('v2', { keepOld: false })
    // An unknown key makes the plugin look, and what it finds has not the old one.
    assert.equal((await call(authority.token({ roles: ['Reader'] }))).statusCode, 200)
    assert.equal((await call(token)).json().code, 'token_key_unknown')
  })

  test('is refused when nobody could read the keys for a day', async () => {
    const authority = createTestAuthority()
    const { call } = await startService(authority.authOptions(['v2']))
    const token = authority.token({ roles: ['Reader'], claims: { exp: Math.floor(Date.now() / 1_000) + 100 * 3_600 } })
    for (let i = 0; i < 3; i += 1) assert.equal((await call(token)).statusCode, 200)
    authority.goDown('v2')
    authority.advance(25 * HOUR_MS)
    assert.equal((await call(token)).json().code, 'keys_unavailable')
  })

  test('is refused when its tenant may no longer call', async () => {
    const authority = createTestAuthority()
    let isAllowed = true
    const [issuer] = authority.authOptions(['multi-tenant']).issuers
    assert.ok(issuer?.kind === 'multi-tenant')
    const { fetchJson, now } = authority.authOptions()
    const options = {
      issuers: [{ ...issuer, allowedTenants: () => isAllowed }],
      ...(fetchJson && { fetchJson }),
      ...(now && { now }),
    }
    const token = authority.token({ issuer: 'multi-tenant', roles: ['Reader'] })
    const { call } = await startService(options)
    for (let i = 0; i < 3; i += 1) assert.equal((await call(token)).statusCode, 200)
    isAllowed = false
    // The plugin keeps an answer about a tenant for five minutes; another service has not asked yet.
    assert.equal((await call(token)).statusCode, 200)
    assert.equal((await (await startService(options)).call(token)).json().code, 'token_issuer')
  })

  test('does not let another token in that ends alike, in whichever part it differs', async () => {
    const authority = createTestAuthority()
    const { call } = await startService(authority.authOptions())
    const token = authority.token({ roles: ['Reader'] })
    for (let i = 0; i < 3; i += 1) assert.equal((await call(token)).statusCode, 200)
    const [header = '', payload = '', signature = ''] = token.split('.')
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const claims = JSON.parse(Buffer.from(payload, 'base64url').toString())
    const more = encode({ ...claims, roles: ['Reader', 'Writer'] })
    for (const forged of [
      [header, more, signature],
      [header, `${payload.slice(0, -1)}${payload.endsWith('A') ? 'B' : 'A'}`, signature],
      [encode({ ...JSON.parse(Buffer.from(header, 'base64url').toString()), x: 1 }), payload, signature],
      [header, payload, `${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`],
    ]) {
      for (const url of ['/Reader', '/Writer']) assert.equal((await call(forged.join('.'), url)).statusCode, 401)
    }
    assert.equal((await call(token)).statusCode, 200)
  })
})

describe('the memory of tokens', () => {
  const authority = createTestAuthority()
  const { fetchJson, now } = authority.authOptions()
  assert.ok(fetchJson !== undefined && now !== undefined)

  const trust = (name: NonNullable<TokenOptions['issuer']>, changes: Partial<IssuerSettings> = {}) => {
    const [settings] = readIssuerOptions(authority.authOptions([name]).issuers)
    assert.ok(settings !== undefined)
    const options = { settings: { ...settings, ...changes }, fetchJson, onFailure: () => undefined, now }
    const issuer = createTrustedIssuer(options)
    after(() => issuer.stop())
    return issuer
  }
  const trusted = trust('v2')

  /** A service without Fastify around it, which counts what it asks of others. */
  async function setUp({ maxTokens = 100, confirm = async (): Promise<void> => {}, issuer = trusted } = {}) {
    await issuer.settle()
    const tokens = createVerifiedTokens(maxTokens)
    const asked: string[] = []
    const authenticate = createAuthenticator<string>({
      issuers: [issuer],
      tokens,
      now: Date.now,
      confirm: async (context) => {
        asked.push(context)
        await confirm()
      },
    })
    return { tokens, asked, authenticate }
  }
  let count = 0
  const bearer = () => {
    count += 1
    return `Bearer ${authority.token({ roles: ['Reader'], claims: { uti: String(count) } })}`
  }

  test('asks @fastify/jwt about a token once, when it comes back', async () => {
    const { authenticate, asked } = await setUp()
    const authorization = bearer()
    for (const context of ['first', 'second', 'third']) await authenticate(context, authorization)
    assert.deepEqual(asked, ['second'])
  })

  test('waits for nothing with a known key, nor with a token that is confirmed', async () => {
    const { authenticate } = await setUp()
    const authorization = bearer()
    assert.ok(!(authenticate('first', authorization) instanceof Promise))
    assert.ok(authenticate('second', authorization) instanceof Promise)
    await new Promise((resolve) => setImmediate(resolve))
    assert.ok(!(authenticate('third', authorization) instanceof Promise))
  })

  test('serves nothing that the second opinion refuses, however often it comes', async () => {
    const { authenticate } = await setUp({
      confirm: async () => {
        throw wrongSignature()
      },
    })
    const authorization = bearer()
    const { claims: unverifiedClaims } = await authenticate('first', authorization)
    const refusal = { code: 'token_signature', unverifiedClaims }
    for (let i = 0; i < 3; i += 1) {
      await assert.rejects(async () => await authenticate('again', authorization), refusal)
    }
  })

  test('asks each time whether the tenant may call', async () => {
    let isAllowed = true
    const { authenticate } = await setUp({ issuer: trust('multi-tenant', { tenantCheck: () => isAllowed }) })
    const authorization = `Bearer ${authority.token({ issuer: 'multi-tenant', roles: ['Reader'] })}`
    const { claims: unverifiedClaims } = await authenticate('first', authorization)
    for (const context of ['second', 'third']) await authenticate(context, authorization)
    isAllowed = false
    const refusal = { code: 'token_issuer', unverifiedClaims }
    await assert.rejects(async () => await authenticate('fourth', authorization), refusal)
    isAllowed = true
    await authenticate('fifth', authorization)
  })

  test('holds so many and no more, the latest', async () => {
    const { authenticate, tokens } = await setUp({ maxTokens: 3 })
    const headers = [bearer(), bearer(), bearer(), bearer(), bearer()]
    for (const [index, authorization] of headers.entries()) await authenticate(String(index), authorization)
    assert.equal(tokens.size, 3)
    assert.deepEqual(
      headers.map((authorization) => tokens.find(authorization, Date.now()) !== undefined),
      [false, false, true, true, true],
    )
  })

  test('takes no token for another one that has the same key of the map', async () => {
    const { authenticate, tokens } = await setUp()
    const authorization = bearer()
    await authenticate('', authorization)
    const one = tokens.find(authorization, Date.now())
    assert.ok(one !== undefined)
    const alike = `${authorization.slice(0, -9)}${authorization.at(-9) === 'A' ? 'B' : 'A'}${authorization.slice(-8)}`
    assert.equal(tokens.find(alike, Date.now()), undefined)
    const other = { ...one, authorization: alike, caller: { ...one.caller, tokenId: 'the other' } }
    tokens.add(other)
    assert.equal(tokens.find(authorization, Date.now()), undefined)
    assert.equal(tokens.find(alike, Date.now())?.caller, other.caller)
    assert.equal(tokens.size, 1)
  })

  test('takes no header that is longer than its token needs', async () => {
    const { authenticate, tokens } = await setUp()
    for (const padding of [' ', ' '.repeat(8_000)]) await authenticate('', `${bearer()}${padding}`)
    assert.equal(tokens.size, 0)
  })

  test('remembers no refusal', async () => {
    const { authenticate, tokens } = await setUp()
    for (const claims of [{ aud: 'other' }, { exp: 1 }, { iss: 'other' }]) {
      const authorization = `Bearer ${authority.token({ roles: ['Reader'], claims })}`
      await assert.rejects(async () => await authenticate('', authorization))
    }
    assert.equal(tokens.size, 0)
  })
})
