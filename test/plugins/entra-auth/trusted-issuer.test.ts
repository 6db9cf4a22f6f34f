import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { afterEach, test } from 'node:test'
import { createTrustedIssuer } from '../../../src/plugins/entra-auth/trusted-issuer.ts'

const METADATA_URL = 'https://entra.example/tenant/v2.0/.well-known/openid-configuration'
const ISSUER = 'https://entra.example/tenant/v2.0'
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS

const { publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const jwk = (kid: string, changes: object = {}) => ({
  ...publicKey.export({ format: 'jwk' }),
  kid,
  use: 'sig',
  ...changes,
})

const started: Array<{ stop(): void }> = []
afterEach(() => {
  for (const issuer of started.splice(0)) issuer.stop()
})

/** An issuer on a clock of its own, whose endpoints answer as told. */
function setUp(kids: string[] = ['a']) {
  const state = {
    nowMs: 1_000_000_000_000,
    keys: kids.map((kid) => jwk(kid)) as unknown[],
    metadata: { issuer: ISSUER, jwks_uri: 'https://entra.example/keys' } as unknown,
    fault: undefined as Error | undefined,
    fetches: [] as string[],
    failures: [] as unknown[],
    /** When set, fetches wait for it. */
    gate: undefined as Promise<void> | undefined,
  }
  const issuer = createTrustedIssuer({
    settings: { kind: 'entra', name: 'test', metadataUrl: METADATA_URL, audiences: new Set() },
    now: () => state.nowMs,
    onFailure: (error) => state.failures.push(error),
    fetchJson: async (url) => {
      state.fetches.push(url)
      await state.gate
      if (state.fault !== undefined) throw state.fault
      return url === METADATA_URL ? state.metadata : { keys: state.keys }
    },
  })
  started.push(issuer)
  const keyFetches = () => state.fetches.filter((url) => url !== METADATA_URL).length
  return { state, issuer, keyFetches }
}

const code = (expected: string) => (error: unknown) =>
  error instanceof Error && 'code' in error && error.code === expected

test('knows the issuer and its keys once both documents are read, and fetches nothing for a known key', async () => {
  const { issuer, state } = setUp(['a', 'b'])
  await issuer.settle()
  assert.equal(issuer.issuer, ISSUER)
  assert.match(issuer.knownKey('b')?.pem ?? '', /^-----BEGIN PUBLIC KEY-----/)
  assert.deepEqual(state.fetches, [METADATA_URL, 'https://entra.example/keys'])
})

test('reads both documents once for any number of requests that wait', async () => {
  const { issuer, keyFetches } = setUp()
  issuer.start()
  await Promise.all(Array.from({ length: 50 }, () => issuer.settle()))
  assert.equal(keyFetches(), 1)
})

test('accepts a rotated key at once, with one fetch for all who ask for it together', async () => {
  const { issuer, state, keyFetches } = setUp(['a'])
  await issuer.settle()
  state.keys = [jwk('b'), jwk('a')]
  const found = await Promise.all(Array.from({ length: 100 }, () => issuer.findKey('b')))
  assert.ok(found.every(({ kid }) => kid === 'b'))
  assert.equal(keyFetches(), 2)
})

test('lets 2,000 made-up keys cost one fetch, and looks again after five minutes', async () => {
  const { issuer, state, keyFetches } = setUp(['a'])
  await issuer.settle()
  for (let i = 0; i < 2_000; i += 1) await assert.rejects(issuer.findKey(`made-up-${i}`), code('token_key_unknown'))
  assert.equal(keyFetches(), 2)

  state.keys = [jwk('b')]
  await assert.rejects(issuer.findKey('b'), code('token_key_unknown'))
  state.nowMs += 5 * MINUTE_MS
  assert.equal((await issuer.findKey('b')).kid, 'b')
  assert.equal(keyFetches(), 3)
})

test('never makes a known key wait for a look for an unknown one', async () => {
  const { issuer, state } = setUp(['a'])
  await issuer.settle()
  const gate = Promise.withResolvers<void>()
  state.gate = gate.promise
  const unknown = assert.rejects(issuer.findKey('unknown'), code('token_key_unknown'))
  assert.equal(issuer.knownKey('a')?.kid, 'a')
  gate.resolve()
  await unknown
})

test('drops a key that left the key set at the next refresh', async () => {
  const { issuer, state } = setUp(['a', 'b'])
  await issuer.settle()
  state.keys = [jwk('b')]
  await assert.rejects(issuer.findKey('unknown'), code('token_key_unknown'))
  assert.equal(issuer.knownKey('a'), undefined)
  assert.equal(issuer.knownKey('b')?.kid, 'b')
})

test('keeps the last good keys while the endpoint is down, for 24 hours', async () => {
  const { issuer, state } = setUp(['a'])
  await issuer.settle()
  state.fault = new Error('down')
  await assert.rejects(issuer.findKey('unknown'), code('keys_unavailable'), 'nobody knows whether that key exists')
  state.nowMs += 24 * HOUR_MS - 1
  assert.equal(issuer.knownKey('a')?.kid, 'a')
  state.nowMs += 1
  assert.equal(issuer.knownKey('a'), undefined)
  assert.equal(issuer.issuer, undefined)
  await assert.rejects(issuer.settle(), code('keys_unavailable'))
  assert.equal(state.failures.length, 1)
})

test('refreshes every hour in the background, and a failed load after 1, 2, 4, 5, 5 s until one succeeds', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { issuer, state, keyFetches } = setUp(['a'])
  await issuer.settle()
  await tick(t, HOUR_MS - 1)
  assert.equal(keyFetches(), 1)
  await tick(t, 1)
  assert.equal(keyFetches(), 2)

  state.fault = new Error('down')
  state.fetches.length = 0
  await tick(t, HOUR_MS)
  for (const seconds of [1, 2, 4, 5, 5]) {
    const before = state.fetches.length
    await tick(t, seconds * 1_000 - 1)
    assert.equal(state.fetches.length, before, `nothing before ${seconds} s`)
    await tick(t, 1)
    assert.equal(state.fetches.length, before + 1)
  }
  state.fault = undefined
  await tick(t, 5_000)
  await issuer.settle()
  assert.equal(keyFetches(), 1)
})

test('answers 503 while the first load fails, without a fetch for each request, and recovers by itself', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] })
  const { issuer, state } = setUp(['a'])
  state.fault = new Error('down')
  await assert.rejects(issuer.settle(), code('keys_unavailable'))
  for (let i = 0; i < 100; i += 1) await assert.rejects(issuer.settle(), code('keys_unavailable'))
  assert.equal(state.fetches.length, 1)
  state.fault = undefined
  await tick(t, 1_000)
  await issuer.settle()
  assert.equal(issuer.knownKey('a')?.kid, 'a')
})

const nonsense: Array<[what: string, change: (state: ReturnType<typeof setUp>['state']) => void]> = [
  [
    'metadata that is null',
    (state) => {
      state.metadata = null
    },
  ],
  [
    'metadata without an issuer',
    (state) => {
      state.metadata = { jwks_uri: 'https://entra.example/keys' }
    },
  ],
  [
    'metadata whose key set is on http',
    (state) => {
      state.metadata = { issuer: ISSUER, jwks_uri: 'http://entra.example/keys' }
    },
  ],
  [
    'metadata whose issuer is a number',
    (state) => {
      state.metadata = { issuer: 7, jwks_uri: 'https://entra.example/keys' }
    },
  ],
  [
    'no keys',
    (state) => {
      state.keys = []
    },
  ],
  [
    'only an elliptic-curve key',
    (state) => {
      state.keys = [{ kty: 'EC', kid: 'a', crv: 'P-256', x: 'x', y: 'y' }]
    },
  ],
  [
    'only an encryption key',
    (state) => {
      state.keys = [jwk('a', { use: 'enc' })]
    },
  ],
  [
    'only a key for another algorithm',
    (state) => {
      state.keys = [jwk('a', { alg: 'PS256' })]
    },
  ],
  [
    'only a key without kid',
    (state) => {
      state.keys = [jwk('a', { kid: undefined })]
    },
  ],
  [
    'only a symmetric key',
    (state) => {
      state.keys = [{ kty: 'oct', kid: 'a', k: 'c2VjcmV0' }]
    },
  ],
  [
    'only a key of 1024 bits',
    (state) => {
      const weak = generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey.export({ format: 'jwk' })
      state.keys = [{ ...weak, kid: 'a', use: 'sig' }]
    },
  ],
  [
    'only a key whose modulus is garbage',
    (state) => {
      state.keys = [jwk('a', { n: '' })]
    },
  ],
]
for (const [what, change] of nonsense) {
  test(`refuses ${what}: 503, never 401`, async () => {
    const { issuer, state } = setUp()
    change(state)
    await assert.rejects(issuer.settle(), code('keys_unavailable'))
    assert.equal(issuer.knownKey('a'), undefined)
  })
}

/** Moves the mocked timers on and lets what they started come to its end. */
async function tick(t: { mock: { timers: { tick(ms: number): void } } }, ms: number): Promise<void> {
  t.mock.timers.tick(ms)
  for (let i = 0; i < 20; i += 1) await new Promise((resolve) => setImmediate(resolve))
}
