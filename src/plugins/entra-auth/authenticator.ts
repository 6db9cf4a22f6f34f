import { bearerTokenOf } from './bearer-token.ts'
import { type Caller, createCaller } from './caller.ts'
import { assertAccessTokenClaims, assertTenant } from './claims.ts'
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
  function verify(text: string, { unverifiedClaims: claims }: UnverifiedToken, { issuer, key }: SigningKey): Caller {
    issuer.assertKeyFits(key, claims)
    assertAccessTokenClaims(claims, issuer.settings, now())
    assertSignature(text, key.publicKey)
    return createCaller(claims, issuer.settings.kind)
  }

  /** A header that is longer than it need be is not worth its memory. */
  function remember(authorization: string, caller: Caller, signedBy: SigningKey): Caller {
    if (authorization.length > 'Bearer '.length + bearerTokenOf(authorization).length) return caller
    tokens?.add({ authorization, caller, isConfirmed: false, ...signedBy })
    return caller
  }

  async function verifyLater(
    authorization: string,
    token: UnverifiedToken,
    known: SigningKey | undefined,
  ): Promise<Caller> {
    const signedBy = known ?? (await findKey(issuers, token))
    const caller = verify(bearerTokenOf(authorization), token, signedBy)
    await assertTenant(token.unverifiedClaims, signedBy.issuer.settings)
    return remember(authorization, caller, signedBy)
  }

  /** Whether a tenant may call can change. What was verified once is confirmed when it comes back, and then kept. */
  async function recheck(context: Context, token: VerifiedToken): Promise<Caller> {
    if (!token.isConfirmed) {
      await confirm(context, token)
      token.isConfirmed = true
    }
    await assertTenant(token.caller.claims, token.issuer.settings)
    return token.caller
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
      return isSettled ? remembered.caller : recheck(context, remembered).catch(refuseWith(remembered.caller.claims))
    }
    const text = bearerTokenOf(authorization)
    const token = parseUnverifiedToken(text)
    const refuse = refuseWith(token.unverifiedClaims)
    const known = findKnownKey(issuers, token)
    if (known === undefined || known.issuer.settings.tenantCheck !== undefined)
      return verifyLater(authorization, token, known).catch(refuse)
    try {
      return remember(authorization, verify(text, token, known), known)
    } catch (error) {
      return refuse(error)
    }
  }
}

/** For the log line of a refusal. */
function refuseWith(unverifiedClaims: JsonObject) {
  return (error: unknown): never => {
    if (error instanceof AccessRefusedError) error.unverifiedClaims = unverifiedClaims
    throw error
  }
}
