import { createRefreshedValue } from '../refreshed-value.ts'
import { type FetchJson, fetchIssuerMetadata, type VerificationKey } from './issuer-metadata.ts'
import { InvalidTokenError, KeysUnavailableError } from './refusals.ts'
import { describe } from './unverified-token.ts'

/** Signing-key guidance of the Microsoft identity platform ('Signing key rollover'): how often to look, how long to trust. */
const REFRESH_EVERY_MS = 60 * 60 * 1_000
const TRUST_FOR_MS = 24 * 60 * 60 * 1_000
/** At most one look for unknown keys in this time, so that made-up `kid`s cannot drive traffic to the issuer. */
const UNKNOWN_KEY_COOLDOWN_MS = 5 * 60 * 1_000
/** Metadata and keys are two fetches of 5 s at most each. */
const LOAD_TIMEOUT_MS = 10_000
const FETCH_TIMEOUT_MS = 5_000

export interface TrustedIssuerOptions {
  metadataUrl: string
  fetchJson: FetchJson
  /** Told when the metadata or the keys could not be had. */
  onFailure: (error: unknown) => void
  /** Milliseconds since the epoch. */
  now?: () => number
}

/** One issuer whose tokens are accepted, with the keys it publishes. */
export function createTrustedIssuer(options: TrustedIssuerOptions) {
  const now = options.now ?? Date.now
  let lookedForUnknownKeyAt = Number.NEGATIVE_INFINITY
  const metadata = createRefreshedValue({
    load: (signal) => fetchIssuerMetadata(options.metadataUrl, withTimeout(options.fetchJson), signal),
    loadTimeoutMs: LOAD_TIMEOUT_MS,
    refreshEveryMs: REFRESH_EVERY_MS,
    onFailure: options.onFailure,
    now,
  })

  function trustedMetadata() {
    return metadata.ageMs < TRUST_FOR_MS ? metadata.value : undefined
  }

  /** Resolves once metadata and keys are there and fresh enough, or rejects with `keys_unavailable`. */
  async function settle(): Promise<void> {
    if (trustedMetadata() !== undefined) return
    // The background keeps trying; once a load has failed, no request waits for the next.
    if (metadata.isFailing) throw new KeysUnavailableError()
    await metadata.refresh().catch((error: unknown) => {
      throw new KeysUnavailableError(error)
    })
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
    start: () => metadata.refreshInBackground(),
    stop: () => metadata.stop(),
    settle,
    /** The value that `iss` must equal; undefined while the metadata is out of reach. */
    get issuer(): string | undefined {
      return trustedMetadata()?.issuer
    },
    /** A key that is known now. Never fetches. */
    knownKey(kid: string): VerificationKey | undefined {
      return trustedMetadata()?.keys.get(kid)
    },
    /**
     * The key, looked for at the issuer when it is not known.
     * @throws {InvalidTokenError} `token_key_unknown`
     * @throws {KeysUnavailableError} when the issuer cannot be asked
     */
    async findKey(kid: string): Promise<VerificationKey> {
      let failure: unknown
      await lookForUnknownKey().catch((error: unknown) => {
        failure = error
      })
      const key = trustedMetadata()?.keys.get(kid)
      if (key !== undefined) return key
      // While the key set cannot be read, nobody knows that the key does not exist.
      if (metadata.isFailing) throw new KeysUnavailableError(failure)
      throw new InvalidTokenError(
        'token_key_unknown',
        `The issuer has no signing key ${describe(kid)}. Get a new token; if that does not help, the token is not from this issuer.`,
      )
    },
  }
}

export type TrustedIssuer = ReturnType<typeof createTrustedIssuer>

function withTimeout(fetchJson: FetchJson): FetchJson {
  return (url, signal) => fetchJson(url, AbortSignal.any([signal, AbortSignal.timeout(FETCH_TIMEOUT_MS)]))
}
