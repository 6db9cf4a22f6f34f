import type { Caller } from './caller.ts'
import type { Validity } from './claims.ts'
import type { SigningKey } from './trusted-issuers.ts'

/** A token that met every rule. */
export interface VerifiedToken extends SigningKey, Validity {
  /** The `Authorization` header that it came in, whole. */
  authorization: string
  caller: Caller
  /** Whether @fastify/jwt came to the same result. */
  isConfirmed: boolean
}

/** Enough for 32 bits: the last character of a signature has 2, the others 6. */
const KEY_CHARACTERS = 8

/**
 * Remembers tokens that were verified, the last so many. A backend service shows the same token thousands of times in its
 * hour. Refusals are never remembered, and a route's policy is asked for every request.
 * @param maxTokens each takes about 2 kB, and half a kB more once somebody has read the caller's claims
 */
export function createVerifiedTokens(maxTokens: number) {
  // In the order in which they came, which is nearly that in which they expire: the oldest goes first, and a hit moves none.
  const entries = new Map<number, VerifiedToken>()
  let hits = 0
  let misses = 0

  function lookUp(authorization: string, nowMs: number): VerifiedToken | undefined {
    const key = keyOf(authorization)
    const entry = entries.get(key)
    if (entry === undefined || entry.authorization !== authorization) return undefined
    const nowSeconds = nowMs / 1_000
    const isValid = nowSeconds >= entry.validFrom && nowSeconds < entry.validUntil
    if (isValid && entry.issuer.knownKey(entry.key.kid, nowMs) === entry.key) return entry
    entries.delete(key)
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
      entries.set(keyOf(token.authorization), token)
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

/**
 * A number from the end of the signature, which is as good as random: a text would have to be cut, hashed and compared. Two
 * tokens may have the same: then each takes the other's place, and is verified whenever it comes after it.
 */
function keyOf(authorization: string): number {
  let key = 0
  for (let index = authorization.length - KEY_CHARACTERS; index < authorization.length; index += 1) {
    key = (Math.imul(key, 131) + authorization.charCodeAt(index)) | 0
  }
  return key
}
