import type { IssuerSettings } from './issuer-options.ts'
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

/** A rule that a token's claims must meet; the doctor reports on each by its name. */
interface ClaimRule {
  name: string
  /** Whether tokens of this issuer have something for the rule to check; all have unless it says otherwise. */
  appliesTo?(issuer: IssuerSettings): boolean
  /** @throws {InvalidTokenError} */
  assert(claims: JsonObject, issuer: IssuerSettings, nowMs: number): void
}

/** Every rule for claims, in the order in which they are checked. */
export const claimRules: readonly ClaimRule[] = [
  {
    name: 'Version',
    appliesTo: ({ tokenVersion }) => tokenVersion !== undefined,
    assert: ({ ver }, issuer) => assertVersion(ver, issuer),
  },
  {
    name: 'B2C policy',
    appliesTo: ({ policies }) => policies !== undefined,
    assert: ({ tfp, acr }, issuer) => assertPolicy(tfp ?? acr, issuer),
  },
  { name: 'Audience', assert: ({ aud }, { audiences }) => assertAudience(aud, audiences) },
  { name: 'Times', assert: (claims, _issuer, nowMs) => assertTimes(claims, nowMs / 1_000) },
  { name: 'Subject', assert: ({ sub }) => assertSubject(sub) },
  { name: 'Kind of token', assert: (claims) => assertIsNoIdToken(claims) },
]

/**
 * Checks the claims of a token whose signature verified (rules 4 and 5 of 'Token validation').
 * @param issuer settings of the issuer that signed it
 * @param nowMs milliseconds since the epoch
 * @throws {InvalidTokenError} naming the claim, what was expected and what came
 */
export function assertAccessTokenClaims(
  claims: JsonObject,
  issuer: IssuerSettings,
  nowMs: number,
): asserts claims is VerifiedClaims {
  for (const { assert } of claimRules) assert(claims, issuer, nowMs)
}

/** The claims of a token that was verified before: nothing is checked again. */
export function readClaims(verifiedToken: string): VerifiedClaims {
  return JSON.parse(Buffer.from(verifiedToken.split('.')[1] ?? '', 'base64url').toString())
}

/** A token of one version cannot come from the other version's endpoint; what is neither is left alone. */
function assertVersion(ver: unknown, { tokenVersion, name }: IssuerSettings): void {
  if (tokenVersion === undefined || ver === tokenVersion || (ver !== '1.0' && ver !== '2.0')) return
  throw new InvalidTokenError(
    'token_issuer',
    `The token has version ${ver}, and tokens of ${name} have ${tokenVersion}.`,
  )
}

/** `tfp`, or `acr` in older policies, names the B2C policy; tokens of apps have neither ('Overview of tokens in Azure AD B2C'). */
function assertPolicy(policy: unknown, { policies }: IssuerSettings): void {
  if (policies === undefined || policy === undefined) return
  if (typeof policy === 'string' && policies.has(policy.toLowerCase())) return
  throw new InvalidTokenError(
    'token_issuer',
    `The token is from the B2C policy ${describe(policy)}, and this API trusts ${[...policies].join(' or ')}.`,
  )
}

/** @throws {InvalidTokenError} `token_issuer` for a tenant that may not call */
export async function assertTenant({ tid }: JsonObject, { tenantCheck }: IssuerSettings): Promise<void> {
  if (tenantCheck === undefined) return
  if (typeof tid === 'string' && (await tenantCheck(tid))) return
  throw new InvalidTokenError('token_issuer', `The tenant ${describe(tid)} is not among those that may call this API.`)
}

function assertAudience(aud: unknown, audiences: ReadonlySet<string>): void {
  if (typeof aud === 'string' && audiences.has(aud)) return
  if (aud === undefined) throw missing('The token needs an aud claim that names this API; it has none.')
  throw new InvalidTokenError(
    'token_audience',
    `The token is for ${describe(aud)}, and this API is ${[...audiences].join(' or ')}. Ask for the scope <this API>/.default.`,
  )
}

/** When a token meets the rules about its times. */
export interface Validity {
  /** Seconds since the epoch. */
  validFrom: number
  /** The first second that it does not. */
  validUntil: number
}

export function validityOf({ exp, nbf, iat }: VerifiedClaims): Validity {
  return { validFrom: Math.max(nbf, iat) - CLOCK_SKEW_SECONDS, validUntil: exp + CLOCK_SKEW_SECONDS }
}

function assertTimes(claims: JsonObject, nowSeconds: number): void {
  const exp = readTime(claims, 'exp')
  const validFrom = Math.max(readTime(claims, 'nbf'), readTime(claims, 'iat'))
  if (nowSeconds >= exp + CLOCK_SKEW_SECONDS) {
    throw new InvalidTokenError(
      'token_expired',
      `The token expired at ${toText(exp)}; it is ${toText(nowSeconds)}. Get a new one.`,
    )
  }
  if (nowSeconds < validFrom - CLOCK_SKEW_SECONDS) {
    throw new InvalidTokenError(
      'token_not_yet_valid',
      `The token is valid from ${toText(validFrom)}; it is ${toText(nowSeconds)}. Check the clocks.`,
    )
  }
}

/** A NumericDate (RFC 7519, section 2) in seconds since the epoch. */
function readTime(claims: JsonObject, name: 'exp' | 'nbf' | 'iat'): number {
  const value = claims[name]
  if (typeof value === 'number' && Number.isFinite(value)) return value
  throw missing(`The token needs a ${name} claim with a number of seconds; it has ${describe(value)}.`)
}

function assertSubject(sub: unknown): void {
  if (typeof sub === 'string' && sub !== '') return
  throw missing(`The token needs a sub claim with text; it has ${describe(sub)}.`)
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
