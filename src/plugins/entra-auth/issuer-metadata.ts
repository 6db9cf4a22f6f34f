import { createPublicKey, type KeyObject } from 'node:crypto'
import { Type } from 'typebox'
import { Value } from 'typebox/value'

/** NIST SP 800-131A and RFC 7518, section 3.3: RSA keys of 2048 bits or more. */
const MIN_KEY_BITS = 2_048

const Metadata = Type.Object({
  issuer: Type.String({ minLength: 1 }),
  jwks_uri: Type.String({ pattern: '^https://' }),
})

const Keys = Type.Array(Type.Unknown())
const KeySet = Type.Object({ keys: Keys })

const RsaKey = Type.Object({
  kty: Type.Literal('RSA'),
  kid: Type.String({ minLength: 1 }),
  n: Type.String(),
  e: Type.String(),
  use: Type.Optional(Type.Literal('sig')),
  alg: Type.Optional(Type.Literal('RS256')),
  issuer: Type.Optional(Type.String()),
})

/** Fetches a JSON document. Must end when the signal fires, and reject unless the answer is 200 with JSON. */
export type FetchJson = (url: string, signal: AbortSignal) => Promise<unknown>

export interface VerificationKey {
  kid: string
  publicKey: KeyObject
  /** The same as text, as @fastify/jwt takes it. */
  pem: string
  /** In a key set that many tenants share: the only issuer whose tokens it signs, perhaps with `{tenantid}` in it. */
  issuer?: string
}

/** What an issuer publishes about itself (OpenID Connect Discovery 1.0, section 4) and its signing keys (RFC 7517). */
export interface IssuerMetadata {
  /** The value that `iss` must equal, to the letter. */
  issuer: string
  keys: ReadonlyMap<string, VerificationKey>
}

/**
 * Reads an issuer's metadata and then the key set that it names.
 * @throws {Error} when either is out of reach or is not what it should be
 */
export async function fetchIssuerMetadata(
  metadataUrl: string,
  fetchJson: FetchJson,
  signal: AbortSignal,
): Promise<IssuerMetadata> {
  const document = await fetchJson(metadataUrl, signal)
  if (!Value.Check(Metadata, document)) throw new Error(`${metadataUrl} does not name an issuer and an https key set`)
  // Loaded with the first key set, which takes longer to come than this takes to load.
  const { default: jwksRsa } = await import('jwks-rsa')
  const keySet = jwksRsa({
    jwksUri: document.jwks_uri,
    cache: false,
    fetcher: async (url) => Value.Parse(KeySet, await fetchJson(url, signal)),
  })
  // getKeys() and not getSigningKeys(): the latter drops a key's `issuer` member.
  const keys = toVerificationKeys(Value.Parse(Keys, await keySet.getKeys()))
  if (keys.size === 0) throw new Error(`${document.jwks_uri} holds no RSA signing key`)
  return { issuer: document.issuer, keys }
}

/** Skips keys of other kinds: a key set may hold keys for other uses (RFC 7517, section 5). */
function toVerificationKeys(keys: readonly unknown[]): Map<string, VerificationKey> {
  const found = new Map<string, VerificationKey>()
  for (const key of keys) {
    if (!Value.Check(RsaKey, key)) continue
    const publicKey = importKey(key.n, key.e)
    if (publicKey === undefined || (publicKey.asymmetricKeyDetails?.modulusLength ?? 0) < MIN_KEY_BITS) continue
    const pem = publicKey.export({ type: 'spki', format: 'pem' }).toString()
    found.set(key.kid, { kid: key.kid, publicKey, pem, ...(key.issuer !== undefined && { issuer: key.issuer }) })
  }
  return found
}

function importKey(n: string, e: string): KeyObject | undefined {
  try {
    return createPublicKey({ key: { kty: 'RSA', n, e }, format: 'jwk' })
  } catch {
    return undefined
  }
}

/** The default {@link FetchJson}. Redirects are refused: the configured host is the one that is trusted. */
export async function fetchJsonOverHttps(url: string, signal: AbortSignal): Promise<unknown> {
  const response = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw new Error(`${url} answered ${response.status}`)
  }
  return await response.json()
}
