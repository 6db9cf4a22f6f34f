import { createRefreshedValue } from '../refreshed-value.ts'
import { type FetchJson, fetchIssuerMetadata, type IssuerMetadata, type VerificationKey } from './issuer-metadata.ts'
import type { IssuerSettings } from './issuer-options.ts'
import { InvalidTokenError, KeysUnavailableError } from './refusals.ts'
import { describe, type JsonObject } from './unverified-token.ts'

/** Signing-key guidance of the Microsoft identity platform ('Signing key rollover'): how often to look, how long to trust. */
const REFRESH_EVERY_MS = 60 * 60 * 1_000
const TRUST_FOR_MS = 24 * 60 * 60 * 1_000
/** At most one look for unknown keys in this time, so that made-up `kid`s cannot drive traffic to the issuer. */
const UNKNOWN_KEY_COOLDOWN_MS = 5 * 60 * 1_000
/** Metadata and keys are two fetches of 5 s at most each. */
const LOAD_TIMEOUT_MS = 10_000
const FETCH_TIMEOUT_MS = 5_000

/** The part of a multi-tenant issuer that the token's tenant fills. */
const TENANT_PLACEHOLDER = '{tenantid}'
const GUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

export interface TrustedIssuerOptions {
  settings: IssuerSettings
  fetchJson: FetchJson
  /** Told when the metadata or the keys could not be had. */
  onFailure: (error: unknown) => void
  /** Milliseconds since the epoch. */
  now?: () => number
}

/** Of one issuer's metadata and keys: how often they were read, or could not be, and how old they are. */
export interface IssuerUpkeep {
  name: string
  ok: number
  failed: number
  /** Milliseconds; infinite before they were read. */
  ageMs: number
}

/** One issuer whose tokens are accepted, with the keys it publishes. */
export function createTrustedIssuer({ settings, fetchJson, onFailure, now = Date.now }: TrustedIssuerOptions) {
  const isMultiTenant = settings.tenantCheck !== undefined
  let lookedForUnknownKeyAt = Number.NEGATIVE_INFINITY
  const metadata = createRefreshedValue<IssuerMetadata>({
    load,
    loadTimeoutMs: LOAD_TIMEOUT_MS,
    refreshEveryMs: REFRESH_EVERY_MS,
    onFailure,
    now,
  })

  async function load(signal: AbortSignal): Promise<IssuerMetadata> {
    const loaded = await fetchIssuerMetadata(settings.metadataUrl, withTimeout(fetchJson), signal)
    if (loaded.issuer.includes(TENANT_PLACEHOLDER) !== isMultiTenant) {
      throw new Error(`${settings.metadataUrl} has the issuer ${loaded.issuer}, which does not fit ${settings.name}`)
    }
    return { ...loaded, keys: keepSameKeys(loaded.keys, metadata.value?.keys) }
  }

  function trustedMetadata(nowMs = now()) {
    return nowMs - metadata.loadedAtMs < TRUST_FOR_MS ? metadata.value : undefined
  }

  function knownKey(kid: string, nowMs?: number): VerificationKey | undefined {
    return trustedMetadata(nowMs)?.keys.get(kid)
  }

  /** Looks for a key that appeared since the last look, at most once per cooldown. A look in flight is joined. */
  async function lookForUnknownKey(): Promise<void> {
    if (!metadata.isLoading) {
      if (now() - lookedForUnknownKeyAt < UNKNOWN_KEY_COOLDOWN_MS) return
      lookedForUnknownKeyAt = now()
    }
    await metadata.refresh()
  }

  return {
    settings,
    start: () => metadata.refreshInBackground(),
    /** How the metadata and keys are kept up. */
    get upkeep(): IssuerUpkeep {
      return { name: settings.name, ...metadata.loads, ageMs: now() - metadata.loadedAtMs }
    },
    stop: () => metadata.stop(),
    /** Resolves once metadata and keys are there and fresh enough, or rejects with `keys_unavailable`. */
    async settle(): Promise<void> {
      if (trustedMetadata() !== undefined) return
      // The background keeps trying; once a load has failed, no request waits for the next.
      if (metadata.isFailing) throw new KeysUnavailableError()
      await metadata.refresh().catch((error: unknown) => {
        throw new KeysUnavailableError(error)
      })
    },
    /** As the metadata has it, perhaps with `{tenantid}` in it; undefined while the metadata is out of reach. */
    get issuer(): string | undefined {
      return trustedMetadata()?.issuer
    },
    /** Whether a token that says this is from here. Nothing is believed by that but whose key must have signed it. */
    hasIssued({ iss, tid }: JsonObject): boolean {
      const issuer = trustedMetadata()?.issuer
      return typeof iss === 'string' && issuer !== undefined && fillTenant(issuer, tid) === iss
    },
    /** A key that is known now, or at `nowMs` for whoever has just looked at the clock. Never fetches. */
    knownKey,
    /**
     * The key, looked for at the issuer when it is not known.
     * @throws {InvalidTokenError} `token_key_unknown`
     * @throws {KeysUnavailableError} when the issuer cannot be asked
     */
    async findKey(kid: string): Promise<VerificationKey> {
      const known = knownKey(kid)
      if (known !== undefined) return known
      let failure: unknown
      await lookForUnknownKey().catch((error: unknown) => {
        failure = error
      })
      const key = knownKey(kid)
      if (key !== undefined) return key
      // While the key set cannot be read, nobody knows that the key does not exist.
      if (metadata.isFailing) throw new KeysUnavailableError(failure)
      throw new InvalidTokenError(
        'token_key_unknown',
        `The issuer has no signing key ${describe(kid)}. Get a new token; if that does not help, the token is not from this issuer.`,
      )
    },
    /**
     * In a key set that many tenants share, a key can be for one issuer alone ('Signing key rollover', Microsoft Learn).
     * @throws {InvalidTokenError} `token_issuer`
     */
    assertKeyFits(key: VerificationKey, { iss, tid }: JsonObject): void {
      if (!isMultiTenant || key.issuer === undefined || fillTenant(key.issuer, tid) === iss) return
      throw new InvalidTokenError(
        'token_issuer',
        `The signing key of the token is not one for the issuer ${describe(iss)}.`,
      )
    },
  }
}

export type TrustedIssuer = ReturnType<typeof createTrustedIssuer>

/** A key that is published again stays the same object: what was verified with it need not be verified anew. */
function keepSameKeys(
  loaded: ReadonlyMap<string, VerificationKey>,
  before: ReadonlyMap<string, VerificationKey> | undefined,
): ReadonlyMap<string, VerificationKey> {
  return new Map(
    [...loaded].map(([kid, key]) => {
      const known = before?.get(kid)
      return [kid, known?.pem === key.pem && known.issuer === key.issuer ? known : key]
    }),
  )
}

/** @returns undefined when the issuer needs a tenant and `tid` is no GUID */
function fillTenant(issuer: string, tid: unknown): string | undefined {
  if (!issuer.includes(TENANT_PLACEHOLDER)) return issuer
  return typeof tid === 'string' && GUID.test(tid) ? issuer.replace(TENANT_PLACEHOLDER, tid) : undefined
}

function withTimeout(fetchJson: FetchJson): FetchJson {
  return (url, signal) => fetchJson(url, AbortSignal.any([signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)]))
}
