import { InvalidTokenError } from './refusals.ts'
import { describe, type JsonObject } from './unverified-token.ts'

/** RFC 7519, section 4.1.4: 'usually no more than a few minutes'. The clocks of Azure's hosts differ by less than this. */
const CLOCK_SKEW_SECONDS = 60

/** Claims of a token whose signature verified and that met every rule. Others are there as they came. */
export interface VerifiedClaims extends JsonObject {
  readonly iss: string
  readonly aud: string
  readonly sub: string
  readonly exp: number
  readonly nbf: number
  readonly iat: number
}

/** One of these is in every access token of Entra and in no ID token ('Access token claims reference'). */
const ACCESS_TOKEN_CLAIMS = ['scp', 'roles', 'azp', 'appid', 'idtyp']

/**
 * Checks the claims of a token whose signature verified (rules 4 and 5 of 'Token validation').
 * @param audiences every accepted `aud`
 * @param nowMs milliseconds since the epoch
 * @throws {InvalidTokenError} naming the claim, what was expected and what came
 */
export function assertAccessTokenClaims(
  claims: JsonObject,
  audiences: ReadonlySet<string>,
  nowMs: number,
): asserts claims is VerifiedClaims {
  assertAudience(claims['aud'], audiences)
  assertTimes(claims, nowMs / 1_000)
  const { sub } = claims
  if (typeof sub !== 'string' || sub === '')
    throw missing(`The token needs a sub claim with text; it has ${describe(sub)}.`)
  assertIsNoIdToken(claims)
}

function assertAudience(aud: unknown, audiences: ReadonlySet<string>): void {
  if (typeof aud === 'string' && audiences.has(aud)) return
  if (aud === undefined) throw missing('The token needs an aud claim that names this API; it has none.')
  throw new InvalidTokenError(
    'token_audience',
    `The token is for ${describe(aud)}, and this API is ${[...audiences].join(' or ')}. Ask for the scope <this API>/.default.`,
  )
}

function assertTimes(claims: JsonObject, nowSeconds: number): void {
  const exp = readTime(claims, 'exp')
  const nbf = readTime(claims, 'nbf')
  const iat = readTime(claims, 'iat')
  const now = toText(nowSeconds)
  if (nowSeconds >= exp + CLOCK_SKEW_SECONDS) {
    throw new InvalidTokenError('token_expired', `The token expired at ${toText(exp)}; it is ${now}. Get a new one.`)
  }
  const validFrom = Math.max(nbf, iat)
  if (nowSeconds < validFrom - CLOCK_SKEW_SECONDS) {
    throw new InvalidTokenError(
      'token_not_yet_valid',
      `The token is valid from ${toText(validFrom)}; it is ${now}. Check the clocks.`,
    )
  }
}

/** A NumericDate (RFC 7519, section 2) in seconds since the epoch. */
function readTime(claims: JsonObject, name: 'exp' | 'nbf' | 'iat'): number {
  const value = claims[name]
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw missing(`The token needs a ${name} claim with a number of seconds; it has ${describe(value)}.`)
}

function assertIsNoIdToken(claims: JsonObject): void {
  if ('nonce' in claims || !ACCESS_TOKEN_CLAIMS.some((name) => name in claims)) {
    throw missing(
      'This is an ID token. Send the access token: ID tokens are for the application that signed someone in.',
    )
  }
}

function missing(detail: string): InvalidTokenError {
  return new InvalidTokenError('token_claim_missing', detail)
}

/** A time of the token can be any number: beyond the range of dates it is shown as it is. */
function toText(seconds: number): string {
  const date = new Date(seconds * 1_000)
  return Number.isNaN(date.valueOf()) ? String(seconds) : date.toISOString()
}
