import type { Caller } from './caller.ts'
import { validityOf } from './claims.ts'
import type { SigningKey } from './trusted-issuers.ts'

/** A token that met every rule. */
export interface VerifiedToken extends SigningKey {
  /** The `Authorization` header that it came in, whole. */
  authorization: string
  caller: Caller
  /** Whether @fastify/jwt came to the same result. */
  isConfirmed: boolean
}

interface Entry extends VerifiedToken {
  /** Seconds since the epoch. */
  validFrom: number
  validUntil: number
}

/** As many characters of a signature as no two tokens share by chance: 256 bits. */
const KEY_LENGTH = 43

/**
 * Remembers tokens that were verified, the last so many. A backend service shows the same token thousands of times in its
 * hour. Refusals are never remembered, and a route's policy is asked for every request.
 * @param maxTokens each takes about 3 kB
 */
export function createVerifiedTokens(maxTokens: number) {
  // In the order in which they came, which is nearly that in which they expire: the oldest goes first, and a hit moves none.
  const entries = new Map<string, Entry>()
  let hits = 0
  let misses = 0

  function lookUp(authorization: string, nowMs: number): VerifiedToken | undefined {
    const entry = entries.get(authorization.slice(-KEY_LENGTH))
    if (entry === undefined || entry.authorization !== authorization) return undefined
    const nowSeconds = nowMs / 1_000
    const isValid = nowSeconds >= entry.validFrom && nowSeconds < entry.validUntil
    if (isValid && entry.issuer.knownKey(entry.key.kid) === entry.key) return entry
    entries.delete(authorization.slice(-KEY_LENGTH))
    return undefined
  }

  return {
    /**
     * The token, if it still meets the rules that time can change: its own times, and that its issuer still publishes the
     * key. The key of the map is a part of the signature; what is compared is the whole header.
     */
    find(authorization: string, nowMs: number): VerifiedToken | undefined {
      const found = lookUp(authorization, nowMs)
      if (found === undefined) misses += 1
      else hits += 1
      return found
    },
    add(token: VerifiedToken): void {
      if (entries.size >= maxTokens) {
        for (const oldest of entries.keys()) {
          entries.delete(oldest)
          break
        }
      }
      const { from, until } = validityOf(token.caller.claims)
      entries.set(token.authorization.slice(-KEY_LENGTH), { ...token, validFrom: from, validUntil: until })
    },
    get size(): number {
      return entries.size
    },
    get hits(): number {
      return hits
    },
    get misses(): number {
      return misses
    },
  }
}

export type VerifiedTokens = ReturnType<typeof createVerifiedTokens>
