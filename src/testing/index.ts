import { createHash, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import type { EntraAuthOptions } from '../plugins/entra-auth/index.ts'
import type { IssuerOptions } from '../plugins/entra-auth/issuer-options.ts'
import { identities as id } from './identities.ts'
import { createClaims, issuerOf, type TestCaller, type TestIssuer } from './token-claims.ts'

/** @public */
export interface TokenOptions {
  /** Default `v2`. */
  issuer?: TestIssuer
  /** Default `app`. */
  caller?: TestCaller
  /** App roles of an app. */
  roles?: readonly string[]
  /** Delegated scopes of a user. */
  scopes?: readonly string[]
  /** Claims to add or change; `undefined` leaves one out. */
  claims?: Readonly<Record<string, unknown>>
  /** Members of the header to add or change; `undefined` leaves one out. */
  header?: Readonly<Record<string, unknown>>
  /** Signs with the key of another issuer instead, and says so in `kid`. */
  signedBy?: TestIssuer
}

/** Issuers with the same name share a key set, as Entra's own do. */
type KeySet = 'entra' | 'b2c' | 'external-id'

interface SigningKey {
  kid: string
  privateKey: KeyObject
  publicKey: KeyObject
}

const LIFETIME_SECONDS = 3_599
/** Entra dates its tokens back by this much. */
const BACKDATED_SECONDS = 300

/**
 * An authority for tests: it mints tokens of every kind and publishes metadata and keys, without a network and without
 * opening a port. Give `authOptions()` to the plugin and its tokens go through the whole real validation; nothing is
 * bypassed.
 */
export function createTestAuthority() {
  const keySets = new Map<KeySet, SigningKey[]>()
  const down = new Set<TestIssuer>()
  let offsetMs = 0
  let fetchCount = 0

  const now = () => Date.now() + offsetMs

  function keysOf(issuer: TestIssuer): SigningKey[] {
    const name = keySetOf(issuer)
    const keys = keySets.get(name) ?? [createSigningKey()]
    keySets.set(name, keys)
    return keys
  }

  function currentKey(issuer: TestIssuer): SigningKey {
    const [key] = keysOf(issuer)
    if (key === undefined) throw new Error(`the key set of ${issuer} is empty`)
    return key
  }

  async function fetchJson(url: string): Promise<unknown> {
    fetchCount += 1
    const issuer = documents.get(url) ?? keyUrls.get(url)
    if (issuer === undefined) throw new Error(`the test authority has nothing at ${url}`)
    if (down.has(issuer)) throw new Error(`the test authority's ${issuer} is down`)
    if (documents.has(url)) return { issuer: publishedIssuer(issuer), jwks_uri: keysUrl(issuer) }
    return {
      keys: keysOf(issuer).map(({ kid, publicKey }) => ({
        ...publicKey.export({ format: 'jwk' }),
        kid,
        use: 'sig',
        ...(issuer === 'multi-tenant' && { issuer: publishedIssuer(issuer) }),
      })),
    }
  }

  return {
    identities: id,
    /** Options for the plugin that trust these issuers: all of them by default. */
    authOptions(issuers: readonly TestIssuer[] = allIssuers): Pick<EntraAuthOptions, 'issuers' | 'fetchJson' | 'now'> {
      return { issuers: issuers.map((issuer) => issuerOptions[issuer]), fetchJson, now }
    },
    /** An access token, valid for an hour unless changed. */
    token(options: TokenOptions = {}): string {
      const { issuer = 'v2', caller = 'app', roles = [], scopes = [], signedBy = issuer } = options
      const { kid, privateKey } = currentKey(signedBy)
      const issuedAt = Math.floor(now() / 1_000)
      const times = {
        iat: issuedAt - BACKDATED_SECONDS,
        nbf: issuedAt - BACKDATED_SECONDS,
        exp: issuedAt + LIFETIME_SECONDS,
      }
      const claims = { ...createClaims({ issuer, caller, roles, scopes }), ...times, ...options.claims }
      const input = `${encode({ typ: 'JWT', alg: 'RS256', kid, ...options.header })}.${encode(claims)}`
      return `${input}.${sign('sha256', Buffer.from(input), privateKey).toString('base64url')}`
    },
    /** The id of the key that an issuer signs with now. */
    keyId: (issuer: TestIssuer = 'v2'): string => currentKey(issuer).kid,
    /** Signs with a new key from now on. The old ones stay published unless `keepOld` is false. */
    rotateKeys(issuer: TestIssuer = 'v2', { keepOld = true } = {}): void {
      keySets.set(keySetOf(issuer), [createSigningKey(), ...(keepOld ? keysOf(issuer) : [])])
    },
    /** Metadata and keys of this issuer are out of reach from now on. */
    goDown(issuer: TestIssuer = 'v2'): void {
      down.add(issuer)
    },
    comeBack(issuer: TestIssuer = 'v2'): void {
      down.delete(issuer)
    },
    /** Moves the clock of authority and plugin on. */
    advance(ms: number): void {
      offsetMs += ms
    },
    /** How often metadata or keys were fetched. */
    get fetchCount(): number {
      return fetchCount
    },
  }
}

/** @public */
export type TestAuthority = ReturnType<typeof createTestAuthority>

const api = { clientId: id.apiClientId }
const b2c = { kind: 'b2c', tenantName: 'contoso', clientId: id.b2cApiClientId } as const

const issuerOptions: Readonly<Record<TestIssuer, IssuerOptions>> = {
  v2: { kind: 'entra', tenantId: id.tenantId, ...api },
  v1: { kind: 'entra', tenantId: id.tenantId, version: 'v1.0', ...api },
  'multi-tenant': { kind: 'multi-tenant', allowedTenants: [id.tenantId], ...api },
  b2c: { ...b2c, policies: [id.b2cPolicy] },
  'b2c-tfp': { ...b2c, policies: [id.b2cTfpPolicy] },
  'external-id': { kind: 'external-id', tenantName: 'contoso', tenantId: id.externalTenantId, ...api },
}
const allIssuers: readonly TestIssuer[] = ['v2', 'v1', 'multi-tenant', 'b2c', 'b2c-tfp', 'external-id']

const wellKnown = '.well-known/openid-configuration'
const documents = new Map<string, TestIssuer>([
  [`https://login.microsoftonline.com/${id.tenantId}/v2.0/${wellKnown}`, 'v2'],
  [`https://login.microsoftonline.com/${id.tenantId}/${wellKnown}`, 'v1'],
  [`https://login.microsoftonline.com/organizations/v2.0/${wellKnown}`, 'multi-tenant'],
  [`https://contoso.b2clogin.com/contoso.onmicrosoft.com/${id.b2cPolicy}/v2.0/${wellKnown}`, 'b2c'],
  [`https://contoso.b2clogin.com/contoso.onmicrosoft.com/${id.b2cTfpPolicy}/v2.0/${wellKnown}`, 'b2c-tfp'],
  [`https://contoso.ciamlogin.com/${id.externalTenantId}/v2.0/${wellKnown}`, 'external-id'],
])
const keyUrls = new Map(allIssuers.map((issuer) => [keysUrl(issuer), issuer]))

function keysUrl(issuer: TestIssuer): string {
  return `https://keys.test.example/${issuer}`
}

function publishedIssuer(issuer: TestIssuer): string {
  return issuer === 'multi-tenant' ? issuerOf[issuer].replace(id.tenantId, '{tenantid}') : issuerOf[issuer]
}

function keySetOf(issuer: TestIssuer): KeySet {
  if (issuer === 'b2c' || issuer === 'b2c-tfp') return 'b2c'
  return issuer === 'external-id' ? 'external-id' : 'entra'
}

function createSigningKey(): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  const kid = createHash('sha1')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url')
  return { kid, privateKey, publicKey }
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}
