import { PublicError } from '../errors.ts'
import { createCaller } from '../plugins/entra-auth/caller.ts'
import { assertAccessTokenClaims, assertTenant, claimRules } from '../plugins/entra-auth/claims.ts'
import type { IssuerSettings } from '../plugins/entra-auth/issuer-options.ts'
import { type AccessRules, assertMayCall, type RoutePolicy } from '../plugins/entra-auth/route-policy.ts'
import { assertSignature } from '../plugins/entra-auth/signature.ts'
import type { TrustedIssuer } from '../plugins/entra-auth/trusted-issuer.ts'
import { findKey, type SigningKey } from '../plugins/entra-auth/trusted-issuers.ts'
import { parseUnverifiedToken, type UnverifiedToken } from '../plugins/entra-auth/unverified-token.ts'
import { advise } from './advice.ts'

export interface Finding {
  rule: string
  outcome: 'pass' | 'fail' | 'not checked'
  detail: string
  /** What to change, where there is something to change. */
  advice?: string
}

export interface Diagnosis {
  /** Decoded, and to be believed only as far as the findings say. */
  token: UnverifiedToken | undefined
  findings: Finding[]
  isSignatureChecked: boolean
}

export interface DiagnoseOptions {
  issuers: readonly TrustedIssuer[]
  rules: AccessRules
  /** Who may call which endpoint, by `METHOD path`. */
  policies: Readonly<Record<string, RoutePolicy>>
  nowMs: number
}

/** Holds a token against every rule that the service has, and goes on where the service stops at the first fault. */
export async function diagnose(text: string, options: DiagnoseOptions): Promise<Diagnosis> {
  const form = await check('Form', () => parseUnverifiedToken(text), undefined)
  const token = form.value
  if (token === undefined) return { token, findings: [form.finding], isSignatureChecked: false }

  const claims = token.unverifiedClaims
  const from = await check('Issuer and key', () => findKeyThatFits(options.issuers, token), claims)
  const signedBy = from.value
  const signature =
    signedBy === undefined
      ? notChecked('Signature', 'The key that must have signed the token is not known.')
      : (await check('Signature', () => assertSignature(text, signedBy.key.publicKey), claims)).finding
  const settings = signedBy?.issuer.settings ?? likelySettings(options.issuers, token)
  const findings = [form.finding, from.finding, signature]
  if (settings === undefined) return { token, findings, isSignatureChecked: false }

  for (const rule of claimRules.filter(({ appliesTo }) => appliesTo?.(settings) ?? true)) {
    findings.push((await check(rule.name, () => rule.assert(claims, settings, options.nowMs), claims)).finding)
  }
  if (settings.tenantCheck !== undefined) {
    findings.push((await check('Tenant', () => assertTenant(claims, settings), claims)).finding)
  }
  for (const [endpoint, policy] of Object.entries(options.policies)) {
    const mayCall = () => {
      assertAccessTokenClaims(claims, settings, options.nowMs)
      assertMayCall(createCaller(claims, settings.kind), policy, options.rules)
    }
    const isSound = findings.every(({ rule, outcome }) => outcome !== 'fail' || !isClaimRule(rule))
    findings.push(
      isSound
        ? (await check(endpoint, mayCall, claims)).finding
        : notChecked(endpoint, 'Who is calling is decided once the rules above are met.'),
    )
  }
  return { token, findings, isSignatureChecked: signature.outcome !== 'not checked' }
}

function isClaimRule(name: string): boolean {
  return claimRules.some((rule) => rule.name === name)
}

async function findKeyThatFits(issuers: readonly TrustedIssuer[], token: UnverifiedToken): Promise<SigningKey> {
  const found = await findKey(issuers, token)
  found.issuer.assertKeyFits(found.key, token.unverifiedClaims)
  return found
}

/**
 * For a token that is from no trusted issuer, or from one whose keys are out of reach: what can be said of it all the same,
 * by the issuer that has its audience, or else by the first.
 */
function likelySettings(issuers: readonly TrustedIssuer[], token: UnverifiedToken): IssuerSettings | undefined {
  const { aud } = token.unverifiedClaims
  const own = issuers.find((issuer) => issuer.hasIssued(token.unverifiedClaims))
  if (own !== undefined) return own.settings
  const likely = issuers.find(({ settings }) => typeof aud === 'string' && settings.audiences.has(aud)) ?? issuers[0]
  if (likely === undefined) return undefined
  const { kind, name, metadataUrl, audiences } = likely.settings
  return { kind, name, metadataUrl, audiences }
}

async function check<T>(
  rule: string,
  work: () => T | Promise<T>,
  claims: UnverifiedToken['unverifiedClaims'] | undefined,
): Promise<{ finding: Finding; value?: T }> {
  try {
    return { value: await work(), finding: { rule, outcome: 'pass', detail: '' } }
  } catch (error) {
    if (!(error instanceof PublicError)) throw error
    if (error.status === 503) return { finding: notChecked(rule, error.detail) }
    const advice = advise(error.code, claims)
    const detail = `${error.detail} (${error.code})`
    return { finding: { rule, outcome: 'fail', detail, ...(advice !== undefined && { advice }) } }
  }
}

function notChecked(rule: string, detail: string): Finding {
  return { rule, outcome: 'not checked', detail }
}
