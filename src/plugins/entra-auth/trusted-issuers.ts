import type { VerificationKey } from './issuer-metadata.ts'
import { InvalidTokenError, KeysUnavailableError } from './refusals.ts'
import type { TrustedIssuer } from './trusted-issuer.ts'
import { describe, type UnverifiedToken } from './unverified-token.ts'

export interface SigningKey {
  issuer: TrustedIssuer
  key: VerificationKey
}

/**
 * Rule 2: finds the key that must have signed a token, among those of the issuers that the token says it is from. Policies
 * of a B2C tenant can share one issuer and have key sets of their own.
 */
export function findKnownKey(issuers: readonly TrustedIssuer[], token: UnverifiedToken): SigningKey | undefined {
  for (const issuer of issuers) {
    if (!issuer.hasIssued(token.unverifiedClaims)) continue
    const key = issuer.knownKey(token.kid)
    if (key !== undefined) return { issuer, key }
  }
  return undefined
}

/**
 * The same, asking issuers whose metadata or key is not known yet.
 * @throws {InvalidTokenError} `token_claim_missing`, `token_issuer`, `token_key_unknown`
 * @throws {KeysUnavailableError} when an issuer that it could be from cannot be asked
 */
export async function findKey(issuers: readonly TrustedIssuer[], token: UnverifiedToken): Promise<SigningKey> {
  const { unverifiedClaims, kid } = token
  await waitForIssuer(issuers, unverifiedClaims)
  const from = issuers.filter((issuer) => issuer.hasIssued(unverifiedClaims))
  const looks = await Promise.allSettled(from.map(async (issuer) => ({ issuer, key: await issuer.findKey(kid) })))
  const found = looks.find((look) => look.status === 'fulfilled')
  if (found !== undefined) return found.value
  const failures: unknown[] = looks.flatMap((look) => (look.status === 'rejected' ? [look.reason] : []))
  // Another policy of the same B2C tenant can have the key, and cannot be asked: nobody knows that there is none.
  const isUndecided = issuers.some(
    ({ issuer, settings }) => issuer === undefined && settings.kind === from[0]?.settings.kind,
  )
  throw failures.find(isUnavailable) ?? (isUndecided ? new KeysUnavailableError() : failures[0])
}

/** Resolves as soon as one issuer is known to be the token's: others, slow or out of reach, are not waited for. */
async function waitForIssuer(
  issuers: readonly TrustedIssuer[],
  claims: UnverifiedToken['unverifiedClaims'],
): Promise<void> {
  const refused = () => refuseIssuer(issuers, claims)
  const looks = issuers.map(async (issuer) => {
    await issuer.settle()
    if (!issuer.hasIssued(claims)) throw refused()
  })
  await Promise.any(looks).catch(({ errors }: AggregateError) => {
    // An issuer whose metadata is out of reach may be the one: then nobody can say that the token is from none of them.
    throw errors.find(isUnavailable) ?? refused()
  })
}

function isUnavailable(error: unknown): boolean {
  return error instanceof KeysUnavailableError
}

function refuseIssuer(
  issuers: readonly TrustedIssuer[],
  { iss, tid }: UnverifiedToken['unverifiedClaims'],
): InvalidTokenError {
  const trusted = [...new Set(issuers.map(({ issuer }) => issuer))].join(' or ')
  if (iss === undefined)
    return new InvalidTokenError('token_claim_missing', `The token needs an iss claim; this API trusts ${trusted}.`)
  const versionHint =
    typeof iss === 'string' && iss.startsWith('https://sts.windows.net/')
      ? ' It is a v1.0 token: set requestedAccessTokenVersion to 2 in the manifest of the app registration.'
      : ''
  const tenantHint = trusted.includes('{tenantid}') ? ` Its tid is ${describe(tid)}.` : ''
  return new InvalidTokenError(
    'token_issuer',
    `The token is from ${describe(iss)}, and this API trusts ${trusted}.${tenantHint}${versionHint}`,
  )
}
