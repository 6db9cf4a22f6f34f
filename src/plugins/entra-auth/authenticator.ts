import { bearerTokenOf } from './bearer-token.ts'
import { type Caller, createCaller } from './caller.ts'
import { assertAccessTokenClaims, assertTenant, type VerifiedClaims, validityOf } from './claims.ts'
import { AccessRefusedError } from './refusals.ts'
import { assertSignature } from './signature.ts'
import type { TrustedIssuer } from './trusted-issuer.ts'
import { findKey, findKnownKey, type SigningKey } from './trusted-issuers.ts'
import { type JsonObject, parseUnverifiedToken, type UnverifiedToken } from './unverified-token.ts'
import type { VerifiedToken, VerifiedTokens } from './verified-tokens.ts'

interface AuthenticatorOptions<Context> {
  issuers: readonly TrustedIssuer[]
  /** Undefined: every token is verified every time. */
  tokens: VerifiedTokens | undefined
  /** Milliseconds since the epoch. */
  now: () => number
  /** Asks another implementation about a signature that was found right. Rejects when it disagrees. */
  confirm: (context: Context, token: VerifiedToken) => Promise<void>
}

/** Decides who is calling, by a token: rules 1 to 5 of 'Token validation'. */
export function createAuthenticator<Context>(options: AuthenticatorOptions<Context>) {
  const { issuers, tokens, now, confirm } = options

  /** The cheap rules first and the signature last, so that a bad token costs no more than a good one. */
  function verify(text: string, { unverifiedClaims: claims }: UnverifiedToken, { issuer, key }: SigningKey) {
    issuer.assertKeyFits(key, claims)
    assertAccessTokenClaims(claims, issuer.settings, now())
    assertSignature(text, key.publicKey)
    return claims
  }

  function accept(authorization: string, text: string, claims: VerifiedClaims, { issuer, key }: SigningKey): Caller {
    // A header that is longer than it need be is not worth its memory.
    const isLong = authorization.length > 'Bearer '.length + text.length
    if (tokens === undefined || isLong) return createCaller(claims, issuer.settings.kind)
    const caller = createCaller(claims, issuer.settings.kind, text)
    const { validFrom, validUntil } = validityOf(claims)
    // Each by its name: what is spread into an object, V8 keeps in a second one, elsewhere in memory.
    tokens.add({ authorization, caller, issuer, key, validFrom, validUntil, isConfirmed: false })
    return caller
  }

  async function verifyLater(
    authorization: string,
    text: string,
    token: UnverifiedToken,
    known: SigningKey | undefined,
  ): Promise<Caller> {
    try {
      const signedBy = known ?? (await findKey(issuers, token))
      const claims = verify(text, token, signedBy)
      await assertTenant(claims, signedBy.issuer.settings)
      return accept(authorization, text, claims, signedBy)
    } catch (error) {
      return refuse(error, token.unverifiedClaims)
    }
  }

  /** Whether a tenant may call can change. What was verified once is confirmed when it comes back, and then kept. */
  async function recheck(context: Context, token: VerifiedToken): Promise<Caller> {
    try {
      if (!token.isConfirmed) {
        await confirm(context, token)
        token.isConfirmed = true
      }
      await assertTenant({ tid: token.caller.tenantId }, token.issuer.settings)
      return token.caller
    } catch (error) {
      return refuse(error, token.caller.claims)
    }
  }

  /**
   * Takes the `Authorization` header of a request. A promise only where something must be waited for: a key that is not
   * known, a tenant, or a confirmation.
   * @throws {AccessRefusedError} or rejects with it, or with a 503 while an issuer cannot be asked
   */
  return (context: Context, authorization: string): Caller | Promise<Caller> => {
    const remembered = tokens?.find(authorization, now())
    if (remembered !== undefined) {
      const isSettled = remembered.isConfirmed && remembered.issuer.settings.tenantCheck === undefined
      return isSettled ? remembered.caller : recheck(context, remembered)
    }
    const text = bearerTokenOf(authorization)
    const token = parseUnverifiedToken(text)
    const known = findKnownKey(issuers, token)
    if (known === undefined || known.issuer.settings.tenantCheck !== undefined)
      return verifyLater(authorization, text, token, known)
    try {
      return accept(authorization, text, verify(text, token, known), known)
    } catch (error) {
      return refuse(error, token.unverifiedClaims)
    }
  }
}

/** @param unverifiedClaims for the log line of the refusal */
function refuse(error: unknown, unverifiedClaims: JsonObject): never {
  if (error instanceof AccessRefusedError) error.unverifiedClaims = unverifiedClaims
  throw error
}
