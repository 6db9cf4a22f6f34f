import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import fc from 'fast-check'
import Fastify from 'fastify'
import entraAuth from '../../../src/plugins/entra-auth/index.ts'
import problemDetails from '../../../src/plugins/problem-details.ts'
import { createTestAuthority } from '../../../src/testing/index.ts'

/** No change to a valid token, of any kind, makes another token that is accepted. */
const RUNS = 10_000

const authority = createTestAuthority()
const app = Fastify()
after(() => app.close())
await app.register(problemDetails)
await app.register(entraAuth, authority.authOptions())
app.register(async (api) => {
  api.entraAuth.protect(api)
  api.get('/', { config: { policy: { roles: ['Reader'], scopes: ['read'] } } }, async () => 'in')
})

const kinds = (['v2', 'v1', 'multi-tenant', 'b2c', 'b2c-tfp', 'external-id'] as const).flatMap((issuer) => [
  authority.token({ issuer, roles: ['Reader'] }),
  authority.token({ issuer, caller: 'user', scopes: ['read'] }),
])
const call = async (token: string) => await app.inject({ url: '/', headers: { authorization: `Bearer ${token}` } })

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
const position = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true })
const part = fc.integer({ min: 0, max: 2 })
const json = fc.jsonValue({ maxDepth: 2 })

/** One mutation: from a valid token and another one to something that is not that token. */
const mutation: fc.Arbitrary<(token: string, other: string) => string> = fc.oneof(
  // A character of the text replaced, removed, added or doubled.
  fc
    .tuple(position, fc.constantFrom(...ALPHABET, '.', '=', ' ', '+', '/'))
    .map(([at, character]) => (token: string) => {
      const index = Math.floor(at * token.length)
      return token.slice(0, index) + character + token.slice(index + 1)
    }),
  position.map((at) => (token: string) => {
    const index = Math.floor(at * token.length)
    return token.slice(0, index) + token.slice(index + 1)
  }),
  fc.tuple(position, fc.constantFrom(...ALPHABET, '.', '=')).map(([at, character]) => (token: string) => {
    const index = Math.floor(at * token.length)
    return token.slice(0, index) + character + token.slice(index)
  }),
  // A bit of one part's bytes flipped.
  fc.tuple(part, position, fc.integer({ min: 0, max: 7 })).map(
    ([index, at, bit]) =>
      (token: string) =>
        changePart(token, index, (text) => {
          const bytes = Buffer.from(text, 'base64url')
          const byte = Math.floor(at * bytes.length)
          bytes[byte] = (bytes[byte] ?? 0) ^ (1 << bit)
          return bytes.toString('base64url')
        }),
  ),
  // A claim or a header member set, or removed.
  fc
    .tuple(
      fc.constantFrom(0, 1),
      fc.constantFrom(
        'alg',
        'kid',
        'typ',
        'iss',
        'aud',
        'exp',
        'nbf',
        'iat',
        'sub',
        'tid',
        'roles',
        'scp',
        'azp',
        'tfp',
        'x',
      ),
      fc.option(json, { nil: undefined }),
    )
    .map(
      ([index, name, value]) =>
        (token: string) =>
          changePart(token, index, (text) => {
            const members = JSON.parse(Buffer.from(text, 'base64url').toString())
            return Buffer.from(JSON.stringify({ ...members, [name]: value })).toString('base64url')
          }),
    ),
  // A part of another valid token in its place, or the order of the parts changed.
  part.map((index) => (token: string, other: string) => changePart(token, index, () => other.split('.')[index] ?? '')),
  fc.constantFrom([1, 0, 2], [0, 2, 1], [2, 1, 0], [0, 1], [0, 1, 2, 2], [0, 0, 2]).map((order) => (token: string) => {
    const parts = token.split('.')
    return order.map((index) => parts[index]).join('.')
  }),
  // A part cut short, emptied, or replaced by anything.
  fc.tuple(part, position).map(
    ([index, at]) =>
      (token: string) =>
        changePart(token, index, (text) => text.slice(0, Math.floor(at * text.length))),
  ),
  fc.tuple(part, fc.base64String()).map(
    ([index, text]) =>
      (token: string) =>
        changePart(token, index, () => text),
  ),
  fc.tuple(part, json).map(
    ([index, value]) =>
      (token: string) =>
        changePart(token, index, () => Buffer.from(JSON.stringify(value)).toString('base64url')),
  ),
)

test('every token is accepted as it was minted', async () => {
  for (const token of kinds) assert.equal((await call(token)).statusCode, 200)
})

test(`none of ${RUNS} mutations of a valid token is accepted, and each is refused with a reason`, async () => {
  const token = fc.constantFrom(...kinds)
  await fc.assert(
    fc.asyncProperty(token, token, mutation, async (original, other, mutate) => {
      const mutant = mutate(original, other).trim()
      // A mutation can change nothing, and a part that two tokens share can be swapped: then it is a valid token still.
      fc.pre(!kinds.includes(mutant))
      const response = await call(mutant)
      const { code } = Object(response.json())
      assert.equal(response.statusCode, 401, `${code}: ${mutant}`)
      assert.match(code, /^token_/)
    }),
    { numRuns: RUNS },
  )
})

function changePart(token: string, index: number, change: (text: string) => string): string {
  return token
    .split('.')
    .map((text, at) => (at === index ? change(text) : text))
    .join('.')
}
