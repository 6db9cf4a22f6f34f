import assert from 'node:assert/strict'
import { createHmac, createPublicKey, generateKeyPairSync, sign as signBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { after, describe, test } from 'node:test'
import type { InjectOptions } from 'fastify'
import type { LocalCloud } from '../../../local-cloud/cloud.ts'
import { api, caller, stranger, tenant } from '../../../local-cloud/directory.ts'
import { startApp } from '../../helpers/app.ts'
import { startCloud } from '../../helpers/cloud.ts'
import { assertProblem } from '../../helpers/problem.ts'

type Json = Record<string, unknown>

/** Makes the request of one row; a text is sent as a bearer token. */
type Attempt = (forge: Forge) => string | InjectOptions | Promise<string | InjectOptions>

/** [what is wrong, the request, status, code] */
type Row = [what: string, attempt: Attempt, status: number, code: string]

const now = () => Math.floor(Date.now() / 1_000)
const encode = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url')
const bearer = (token: string) => ({ authorization: `Bearer ${token}` })

/** What an attacker, or a careless client, can make of the real thing. */
function createForge({ issuer, tokens, origins }: LocalCloud) {
  const stranger = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  return {
    /** Signed by Entra's real key; claims and header changed, `undefined` leaves one out. */
    entra: (claims: Json = {}, header: Json = {}) => tokens.forApi(caller, claims, header),
    /** Signed by somebody else's key. */
    stranger: async (header: Json = {}, claims: Json = {}) => {
      const [, payload = ''] = (await tokens.forApi(caller, claims)).split('.')
      const input = `${encode({ typ: 'JWT', alg: 'RS256', kid: issuer.kid, ...header })}.${payload}`
      return `${input}.${signBytes('sha256', Buffer.from(input), stranger.privateKey).toString('base64url')}`
    },
    /** A valid token with its parts changed after signing. */
    tampered: async (change: (parts: [string, string, string]) => string[]) => {
      const [header = '', payload = '', signature = ''] = (await tokens.forApi(caller)).split('.')
      return change([header, payload, signature]).join('.')
    },
    /** HS256 with the text of the public key as the secret: the classic confusion of algorithms. */
    hmacWithPublicKey: async (alg = 'HS256') => {
      const [, payload = ''] = (await tokens.forApi(caller)).split('.')
      const [jwk] = issuer.publicKeys(tokens.v2Issuer())
      const pem = createPublicKey({ key: { ...jwk }, format: 'jwk' }).export({ type: 'spki', format: 'pem' })
      const input = `${encode({ typ: 'JWT', alg, kid: issuer.kid })}.${payload}`
      return `${input}.${createHmac('sha256', pem).update(input).digest('base64url')}`
    },
    /** Half as deep again as `JSON.stringify` can go, and no longer than a token may be. */
    nestedAlgorithm: () => {
      const header = `{"typ":"JWT","kid":"${issuer.kid}","alg":${'['.repeat(5_500)}${']'.repeat(5_500)}}`
      return `${Buffer.from(header).toString('base64url')}.${encode({})}.AAAA`
    },
    strangerJwk: () => ({ ...stranger.publicKey.export({ format: 'jwk' }), kid: issuer.kid, alg: 'RS256', use: 'sig' }),
    kid: issuer.kid,
    entraOrigin: origins.entra,
    v2Issuer: tokens.v2Issuer(),
  }
}
type Forge = ReturnType<typeof createForge>

const noAlgorithm: Row[] = ['none', 'None', 'NONE', 'nOnE'].map((alg) => [
  `alg ${alg} and no signature`,
  (forge) => forge.tampered(([, payload]) => [encode({ typ: 'JWT', alg, kid: forge.kid }), payload, '']),
  401,
  'token_algorithm',
])

const otherAlgorithms: Row[] = ['HS384', 'HS512', 'RS384', 'RS512', 'PS256', 'ES256', 'EdDSA', 'rs256', ''].map(
  (alg) => [`alg ${alg || '(empty)'}`, (forge) => forge.stranger({ alg }), 401, 'token_algorithm'],
)

const missingClaims: Row[] = ['iss', 'aud', 'exp', 'nbf', 'iat', 'sub'].map((name) => [
  `no ${name}`,
  (forge) => forge.entra({ [name]: undefined }),
  401,
  'token_claim_missing',
])

const wrongTypes: Row[] = [
  ...['exp', 'nbf', 'iat'].flatMap((name) =>
    ['1', true, null, [], {}].map((value): [string, unknown] => [name, value === '1' ? String(now() + 600) : value]),
  ),
  ...['', 7, null, ['a']].map((value): [string, unknown] => ['sub', value]),
].map(([name, value]) => [
  `${name} is ${JSON.stringify(value).replace(/\d{5,}/, '…')}`,
  (forge) => forge.entra({ [name]: value }),
  401,
  'token_claim_missing',
])

const wrongAudiences: Row[] = [
  null,
  '',
  7,
  `${api.clientId} `,
  `api://${api.clientId}/`,
  `API://${api.clientId}`,
  api.clientId.slice(0, -1),
  `${api.clientId}.evil.example`,
  [api.clientId],
  [api.clientId, 'https://graph.microsoft.com'],
  { [api.clientId]: true },
  'https://graph.microsoft.com',
  caller.clientId,
].map((aud) => [`aud is ${JSON.stringify(aud)}`, (forge) => forge.entra({ aud }), 401, 'token_audience'])

const wrongIssuers: Row[] = [
  ['iss is null', () => null],
  ['iss is a list', ({ v2Issuer }: Forge) => [v2Issuer]],
  ['iss with a trailing slash', ({ v2Issuer }: Forge) => `${v2Issuer}/`],
  ['iss in upper case', ({ v2Issuer }: Forge) => v2Issuer.toUpperCase()],
  ['iss of the v1 endpoint', () => `https://sts.windows.net/${tenant.id}/`],
  ['iss of another tenant', ({ entraOrigin }: Forge) => `${entraOrigin}/11111111-2222-4333-8444-555555555555/v2.0`],
  ['iss of a look-alike host', ({ v2Issuer }: Forge) => v2Issuer.replace('localhost', 'localhost.evil.example')],
  ['iss with user info in front', ({ v2Issuer }: Forge) => v2Issuer.replace('https://', 'https://evil.example@')],
  ['iss with a Cyrillic o', ({ v2Issuer }: Forge) => v2Issuer.replace('o', 'о')],
  ['iss with a fragment', ({ v2Issuer }: Forge) => `${v2Issuer}#`],
].map(([what, iss]) => [
  String(what),
  (forge) => forge.entra({ iss: typeof iss === 'function' ? iss(forge) : iss }),
  401,
  'token_issuer',
])

const rows: Row[] = [
  ['no Authorization header', () => ({}), 401, 'token_missing'],
  ['Basic instead of Bearer', () => ({ headers: { authorization: 'Basic YTpi' } }), 401, 'token_missing'],
  ['Bearer and no token', () => ({ headers: { authorization: 'Bearer' } }), 401, 'token_missing'],
  [
    'Bearer glued to the token',
    async (forge) => ({ headers: { authorization: `Bearer${await forge.entra()}` } }),
    401,
    'token_missing',
  ],
  ['the token alone', async (forge) => ({ headers: { authorization: await forge.entra() } }), 401, 'token_missing'],
  ['the token in the query', async (forge) => ({ query: { access_token: await forge.entra() } }), 401, 'token_missing'],
  [
    'the token in a form',
    async (forge) => ({
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: `access_token=${await forge.entra()}`,
    }),
    401,
    'token_missing',
  ],
  [
    'the token in a cookie',
    async (forge) => ({ headers: { cookie: `access_token=${await forge.entra()}` } }),
    401,
    'token_missing',
  ],
  [
    'two Authorization headers, both valid',
    async (forge) => ({
      headers: { Authorization: [`Bearer ${await forge.entra()}`, `Bearer ${await forge.entra()}`] },
    }),
    401,
    'token_malformed',
  ],
  [
    'two Authorization headers, Basic first',
    async (forge) => ({ headers: { Authorization: ['Basic YTpi', `Bearer ${await forge.entra()}`] } }),
    401,
    'token_malformed',
  ],
  [
    'two tokens in one header',
    async (forge) => `${await forge.entra()} ${await forge.entra()}`,
    401,
    'token_malformed',
  ],
  ['two tokens with a comma', async (forge) => `${await forge.entra()},${await forge.entra()}`, 401, 'token_malformed'],

  ['not a token', () => 'garbage', 401, 'token_malformed'],
  ['two parts', (forge) => forge.tampered(([header, payload]) => [header, payload]), 401, 'token_malformed'],
  ['four parts', (forge) => forge.tampered((parts) => [...parts, 'x']), 401, 'token_malformed'],
  ['five parts, as of an encrypted token', () => 'a.b.c.d.e', 401, 'token_malformed'],
  ['dots alone', () => '..', 401, 'token_malformed'],
  [
    'a header that is no JSON',
    (forge) => forge.tampered(([, payload, signature]) => [encode('{'), payload, signature]),
    401,
    'token_malformed',
  ],
  [
    'a header that is a list',
    (forge) => forge.tampered(([, payload, signature]) => [encode([]), payload, signature]),
    401,
    'token_malformed',
  ],
  [
    'a header that is null',
    (forge) => forge.tampered(([, payload, signature]) => [encode('null'), payload, signature]),
    401,
    'token_malformed',
  ],
  [
    'a payload that is no JSON',
    (forge) => forge.tampered(([header, , signature]) => [header, encode('no'), signature]),
    401,
    'token_malformed',
  ],
  [
    'a payload that is a text',
    (forge) => forge.tampered(([header, , signature]) => [header, encode('"x"'), signature]),
    401,
    'token_malformed',
  ],
  [
    'a payload that is not UTF-8',
    (forge) =>
      forge.tampered(([header, , signature]) => [
        header,
        Buffer.from('{"a":"\xff"}', 'latin1').toString('base64url'),
        signature,
      ]),
    401,
    'token_malformed',
  ],
  [
    'standard base64 instead of base64url',
    (forge) => forge.tampered(([header, payload, signature]) => [header, payload, `${signature.slice(0, -2)}+/`]),
    401,
    'token_malformed',
  ],
  [
    'padding behind the signature',
    (forge) => forge.tampered(([header, payload, signature]) => [header, payload, `${signature}==`]),
    401,
    'token_malformed',
  ],
  [
    'spare bits of the signature set',
    (forge) => forge.tampered(([header, payload, signature]) => [header, payload, otherSpelling(signature)]),
    401,
    'token_malformed',
  ],
  ['a token of 17 KiB', (forge) => forge.entra({ padding: 'x'.repeat(17 * 1_024) }), 401, 'token_malformed'],
  ['a megabyte of token', () => 'x'.repeat(1_048_576), 401, 'token_malformed'],
  ['typ of an ID-token logout', (forge) => forge.entra({}, { typ: 'logout+jwt' }), 401, 'token_malformed'],
  ['typ that is a number', (forge) => forge.entra({}, { typ: 7 }), 401, 'token_malformed'],
  ['crit in the header', (forge) => forge.stranger({ crit: ['exp'] }), 401, 'token_malformed'],
  ['an empty crit', (forge) => forge.stranger({ crit: [] }), 401, 'token_malformed'],
  ['b64 in the header', (forge) => forge.stranger({ b64: true }), 401, 'token_malformed'],

  ...noAlgorithm,
  ...otherAlgorithms,
  ['no alg', (forge) => forge.stranger({ alg: undefined }), 401, 'token_algorithm'],
  ['alg is a list', (forge) => forge.stranger({ alg: ['RS256'] }), 401, 'token_algorithm'],
  ['alg is nested too deeply to be written', (forge) => forge.nestedAlgorithm(), 401, 'token_algorithm'],
  ['HS256 with the public key as secret', (forge) => forge.hmacWithPublicKey(), 401, 'token_algorithm'],
  ['the same, declared as RS256', (forge) => forge.hmacWithPublicKey('RS256'), 401, 'token_signature'],

  ['no kid', (forge) => forge.stranger({ kid: undefined }), 401, 'token_key_unknown'],
  ['an unknown kid', (forge) => forge.stranger({ kid: 'unknown' }), 401, 'token_key_unknown'],
  ['an empty kid', (forge) => forge.stranger({ kid: '' }), 401, 'token_key_unknown'],
  ['kid is a number', (forge) => forge.stranger({ kid: 1 }), 401, 'token_key_unknown'],
  ['kid is __proto__', (forge) => forge.stranger({ kid: '__proto__' }), 401, 'token_key_unknown'],
  ['kid is a path', (forge) => forge.stranger({ kid: '../../etc/passwd' }), 401, 'token_key_unknown'],

  ["somebody else's key", (forge) => forge.stranger(), 401, 'token_signature'],
  [
    "somebody else's key in an embedded jwk",
    (forge) => forge.stranger({ jwk: forge.strangerJwk() }),
    401,
    'token_signature',
  ],
  ["somebody else's key in x5c", (forge) => forge.stranger({ x5c: ['MIIB'] }), 401, 'token_signature'],
  ['no signature', (forge) => forge.tampered(([header, payload]) => [header, payload, '']), 401, 'token_signature'],
  [
    'half a signature',
    (forge) => forge.tampered(([header, payload, signature]) => [header, payload, signature.slice(0, 172)]),
    401,
    'token_signature',
  ],
  [
    'one byte of the signature gone',
    (forge) =>
      forge.tampered(([header, payload, signature]) => [
        header,
        payload,
        Buffer.from(signature, 'base64url').subarray(0, -1).toString('base64url'),
      ]),
    401,
    'token_signature',
  ],
  [
    'one bit of the signature changed',
    (forge) => forge.tampered(([header, payload, signature]) => [header, payload, flipBit(signature)]),
    401,
    'token_signature',
  ],
  [
    'a signature of zeros',
    (forge) => forge.tampered(([header, payload]) => [header, payload, Buffer.alloc(256).toString('base64url')]),
    401,
    'token_signature',
  ],
  [
    "another token's signature",
    async (forge) => forge.tampered(([header, payload]) => [header, payload, encode('x'.repeat(256))]),
    401,
    'token_signature',
  ],
  [
    'a role added after signing',
    (forge) =>
      forge.tampered(([header, payload, signature]) => [
        header,
        edit(payload, { roles: [...api.appRoles, 'Admin'] }),
        signature,
      ]),
    401,
    'token_signature',
  ],
  [
    'exp moved after signing',
    (forge) =>
      forge.tampered(([header, payload, signature]) => [header, edit(payload, { exp: now() + 99_999 }), signature]),
    401,
    'token_signature',
  ],
  [
    'the payload written anew, same meaning',
    (forge) =>
      forge.tampered(([header, payload, signature]) => [
        header,
        encode(` ${Buffer.from(payload, 'base64url')}`),
        signature,
      ]),
    401,
    'token_signature',
  ],
  [
    'a member added to the header after signing',
    (forge) => forge.tampered(([header, payload, signature]) => [edit(header, { a: 1 }), payload, signature]),
    401,
    'token_signature',
  ],

  ...wrongIssuers,
  ...wrongAudiences,
  ['expired an hour ago', (forge) => forge.entra({ exp: now() - 3_600 }), 401, 'token_expired'],
  ['expired 61 s ago', (forge) => forge.entra({ exp: now() - 61 }), 401, 'token_expired'],
  ['exp is negative', (forge) => forge.entra({ exp: -1 }), 401, 'token_expired'],
  ['valid in an hour', (forge) => forge.entra({ nbf: now() + 3_600 }), 401, 'token_not_yet_valid'],
  ['valid in 90 s', (forge) => forge.entra({ nbf: now() + 90 }), 401, 'token_not_yet_valid'],
  ['issued in an hour', (forge) => forge.entra({ iat: now() + 3_600 }), 401, 'token_not_yet_valid'],
  ...missingClaims,
  ...wrongTypes,
  ['an ID token with a nonce', (forge) => forge.entra({ nonce: 'n' }), 401, 'token_claim_missing'],
  [
    'an ID token without a nonce',
    (forge) => forge.entra({ roles: undefined, azp: undefined, idtyp: undefined }),
    401,
    'token_claim_missing',
  ],

  ['an app without roles', (forge) => forge.entra({ roles: undefined }), 403, 'role_missing'],
  ['an app with an empty list of roles', (forge) => forge.entra({ roles: [] }), 403, 'role_missing'],
  ['an app with another role', (forge) => forge.entra({ roles: ['Codes.Verify'] }), 403, 'role_missing'],
  ['a role in other letters', (forge) => forge.entra({ roles: ['codes.issue'] }), 403, 'role_missing'],
  ['roles as one text', (forge) => forge.entra({ roles: 'Codes.Issue' }), 403, 'role_missing'],
  ['roles as an object', (forge) => forge.entra({ roles: { 'Codes.Issue': true } }), 403, 'role_missing'],
  [
    "an app with the role's name as a scope",
    (forge) => forge.entra({ roles: undefined, scp: 'Codes.Issue' }),
    403,
    'role_missing',
  ],
  [
    'an app with the scope of users',
    (forge) => forge.entra({ roles: undefined, scp: 'user_impersonation' }),
    403,
    'role_missing',
  ],
  ['a user without the scope', (forge) => forge.entra(userClaims({ scp: 'other' })), 403, 'scope_missing'],
  [
    'a user with an app role and no scope',
    (forge) => forge.entra(userClaims({ scp: undefined, roles: ['Codes.Issue'] })),
    403,
    'scope_missing',
  ],
  [
    'a user with the scope among the roles',
    (forge) => forge.entra(userClaims({ scp: undefined, roles: ['user_impersonation'] })),
    403,
    'scope_missing',
  ],
  [
    'a user whose scope only begins alike',
    (forge) => forge.entra(userClaims({ scp: 'user_impersonation_all' })),
    403,
    'scope_missing',
  ],
  ['a guest', (forge) => forge.entra(userClaims({ acct: 1 })), 403, 'guest_not_allowed'],
  [
    'a guest by identity provider',
    (forge) => forge.entra(userClaims({ idp: 'https://sts.windows.net/99999999-2222-4333-8444-555555555555/' })),
    403,
    'guest_not_allowed',
  ],
]

const cloud = await startCloud()
const forge = createForge(cloud)

test('the table of refusals has at least 60 rows, told apart by their names', () => {
  assert.ok(rows.length >= 60, `${rows.length} rows`)
  assert.equal(new Set(rows.map(([what]) => what)).size, rows.length)
})

for (const [state, TOKEN_CACHE_SIZE] of [
  ['with the token cache', '10000'],
  ['without the token cache', '0'],
] as const) {
  describe(state, async () => {
    const app = await startApp({ after }, cloud, { TOKEN_CACHE_SIZE })
    /** Three times, since a token that was seen before takes another path. */
    const call = async (options: InjectOptions) => {
      const request = { url: '/api/v1/getcode', ...options }
      const responses = [await app.inject(request), await app.inject(request), await app.inject(request)] as const
      const [first, second, third] = responses.map(({ statusCode }) => statusCode)
      assert.deepEqual([second, third], [first, first])
      return responses[2]
    }

    describe('accepts', () => {
      const accepted: Array<[what: string, claims: Json, header?: Json]> = [
        ['the untouched token', {}],
        ['the audience as an app id URI', { aud: `api://${api.clientId}` }],
        ['typ at+jwt', {}, { typ: 'at+jwt' }],
        ['no typ', {}, { typ: undefined }],
        ['a token that expired 30 s ago, within the clock skew', { exp: now() - 30 }],
        ['a token that is valid in 50 s, within the clock skew', { nbf: now() + 50, iat: now() + 50 }],
        ['an app that idtyp does not name, by oid and sub alone', { idtyp: undefined }],
        [
          'odd shapes in claims that nobody decides on',
          { tid: 7, uti: [], azpacr: {}, groups: 'x', wids: null, ver: 3 },
        ],
        ['a user with the scope', userClaims({ scp: 'openid user_impersonation' })],
      ]
      for (const [what, claims, header] of accepted) {
        test(what, async () => {
          const response = await call({ headers: bearer(await forge.entra(claims, header)) })
          assert.equal(response.statusCode, 200, response.body)
        })
      }

      test('the scheme in any letters', async () => {
        const response = await call({ headers: { authorization: `bEaReR ${await forge.entra()}` } })
        assert.equal(response.statusCode, 200, response.body)
      })
    })

    describe('refuses', () => {
      for (const [what, attempt, status, code] of rows) {
        test(`${what}: ${status} ${code}`, async () => {
          const sent = await attempt(forge)
          const response = await call(typeof sent === 'string' ? { headers: bearer(sent) } : sent)
          const problem = assertProblem(response, { status, code })
          assertChallenge(String(response.headers['www-authenticate']), status, code)
          assert.ok(String(problem['detail']).length < 800, 'the detail is short')
          if (typeof sent === 'string' && sent.length > 100) {
            assert.ok(!response.body.includes(sent.slice(-40)), 'the signature is not repeated')
          }
        })
      }

      for (const header of ['jku', 'x5u']) {
        test(`${header} pointing elsewhere, and asks nobody: 401 token_signature`, async (t) => {
          let requests = 0
          const keyServer = createServer((_request, response) => {
            requests += 1
            response.end(JSON.stringify({ keys: [forge.strangerJwk()] }))
          })
          t.after(() => keyServer.close())
          await once(keyServer.listen(0, '127.0.0.1'), 'listening')
          const address = keyServer.address()
          assert.ok(typeof address === 'object' && address !== null)
          const token = await forge.stranger({ [header]: `http://127.0.0.1:${address.port}/keys` })
          assertProblem(await call({ headers: bearer(token) }), { status: 401, code: 'token_signature' })
          assert.equal(requests, 0)
        })
      }

      test('an app that is not on the list of the second gate: 403 caller_not_allowed', async (t) => {
        const gated = await startApp(t, cloud, { ENTRA_ALLOWED_CLIENT_IDS: stranger.clientId.toUpperCase() })
        const attempt = async (azp: string) =>
          await gated.inject({ url: '/api/v1/getcode', headers: bearer(await forge.entra({ azp })) })
        assertProblem(await attempt(caller.clientId), { status: 403, code: 'caller_not_allowed' })
        assert.equal((await attempt(stranger.clientId)).statusCode, 200)
      })
    })
  })
}

test('guests may call where ENTRA_ALLOW_GUESTS says so', async (t) => {
  const open = await startApp(t, cloud, { ENTRA_ALLOW_GUESTS: 'true' })
  const headers = bearer(await forge.entra(userClaims({ acct: 1 })))
  assert.equal((await open.inject({ url: '/api/v1/getcode', headers })).statusCode, 200)
})

test('a further audience is accepted where ENTRA_API_AUDIENCES names it', async (t) => {
  const open = await startApp(t, cloud, { ENTRA_API_AUDIENCES: 'https://codes.example, api://codes' })
  for (const aud of ['https://codes.example', 'api://codes', api.clientId]) {
    const headers = bearer(await forge.entra({ aud }))
    assert.equal((await open.inject({ url: '/api/v1/getcode', headers })).statusCode, 200, aud)
  }
})

/** RFC 6750, section 3: no error for a request without a token, one for every other refusal. */
function assertChallenge(challenge: string, status: number, code: string): void {
  const metadata = 'resource_metadata="http://localhost:80/.well-known/oauth-protected-resource"'
  if (code === 'token_missing') {
    assert.equal(challenge, `Bearer ${metadata}`)
    return
  }
  const error = status === 403 ? 'insufficient_scope' : 'invalid_token'
  assert.ok(challenge.startsWith(`Bearer error="${error}", error_description="`), challenge)
  assert.ok(challenge.endsWith(`", ${metadata}`), challenge)
  assert.match(challenge, /^[\x20-\x7e]+$/)
}

/** A delegated token: a person, through an application. */
function userClaims(changes: Json): Json {
  return {
    idtyp: undefined,
    roles: undefined,
    oid: '8ebfa091-4c5d-4e6f-8071-9c0d1e2f3041',
    sub: 'pairwise-subject-of-the-user',
    scp: 'user_impersonation',
    ...changes,
  }
}

function edit(part: string, changes: Json): string {
  return encode({ ...JSON.parse(Buffer.from(part, 'base64url').toString()), ...changes })
}

/** The same bytes, written with other spare bits in the last character. */
function otherSpelling(part: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'
  return `${part.slice(0, -1)}${alphabet[alphabet.indexOf(part.slice(-1)) + 1]}`
}

function flipBit(part: string): string {
  const bytes = Buffer.from(part, 'base64url')
  bytes[100] = (bytes[100] ?? 0) ^ 1
  return bytes.toString('base64url')
}
