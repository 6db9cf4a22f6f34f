import { type ErrorHeaders, PublicError, UnavailableError } from '../../errors.ts'
import type { JsonObject } from './unverified-token.ts'

export type InvalidTokenCode =
  | 'token_malformed'
  | 'token_algorithm'
  | 'token_key_unknown'
  | 'token_signature'
  | 'token_issuer'
  | 'token_audience'
  | 'token_expired'
  | 'token_not_yet_valid'
  | 'token_claim_missing'

export type ForbiddenCode = 'role_missing' | 'scope_missing' | 'caller_not_allowed' | 'guest_not_allowed'

interface RefusalOptions {
  status: 401 | 403
  code: InvalidTokenCode | ForbiddenCode | 'token_missing'
  title: string
  detail: string
  /** `error` and `scope` of the challenge (RFC 6750, section 3). */
  challenge?: Readonly<Record<string, string>>
}

const NO_CHALLENGE = {}

/** A request that is refused for who sent it. Carries its `WWW-Authenticate` challenge (RFC 6750, section 3). */
export abstract class AccessRefusedError extends PublicError {
  readonly #challenge: Readonly<Record<string, string>>
  #unverifiedClaims: JsonObject | undefined
  /** Where a client finds out how to get a token (RFC 9728, section 5.1); set once the request's own URL is known. */
  resourceMetadataUrl: string | undefined

  constructor(options: RefusalOptions) {
    // Where in this code a token was found bad tells nobody anything, and finding out costs as much as checking the token.
    const { stackTraceLimit } = Error
    Error.stackTraceLimit = 0
    super(options)
    Error.stackTraceLimit = stackTraceLimit
    this.#challenge = options.challenge ?? NO_CHALLENGE
  }

  /**
   * What the refused token claims, for the log line of the refusal. No member of its own: whoever logs the error whole would
   * log people's names.
   */
  get unverifiedClaims(): JsonObject | undefined {
    return this.#unverifiedClaims
  }

  set unverifiedClaims(claims: JsonObject) {
    this.#unverifiedClaims = claims
  }

  override get headers(): ErrorHeaders {
    const parameters = Object.entries(this.#challenge).map(([name, value]) => `${name}="${toQuotedText(value)}"`)
    if (this.resourceMetadataUrl !== undefined) parameters.push(`resource_metadata="${this.resourceMetadataUrl}"`)
    return { 'www-authenticate': parameters.length === 0 ? 'Bearer' : `Bearer ${parameters.join(', ')}` }
  }
}

/** No bearer token came. The challenge has no error code, as RFC 6750, section 3.1, asks. */
export class TokenMissingError extends AccessRefusedError {
  constructor(detail = 'Send an access token in the header "Authorization: Bearer <token>". No other place is read.') {
    super({ status: 401, code: 'token_missing', title: 'An access token is needed.', detail })
  }
}

/** A token came and is not accepted (RFC 6750, section 3.1, `invalid_token`). */
export class InvalidTokenError extends AccessRefusedError {
  constructor(code: InvalidTokenCode, detail: string) {
    super({
      status: 401,
      code,
      title: 'The access token is not accepted.',
      detail,
      challenge: { error: 'invalid_token', error_description: detail },
    })
  }
}

/** The caller is known, and may not do this (RFC 6750, section 3.1, `insufficient_scope`). */
export class ForbiddenError extends AccessRefusedError {
  constructor(code: ForbiddenCode, detail: string) {
    super({
      status: 403,
      code,
      title: 'The caller may not do this.',
      detail,
      challenge: { error: 'insufficient_scope', error_description: detail },
    })
  }
}

/** The issuer's keys are out of reach, so that no token can be checked: the fault is not the caller's. */
export class KeysUnavailableError extends UnavailableError {
  constructor(cause?: unknown) {
    super('keys_unavailable', "The token issuer's signing keys are out of reach. Send the request again shortly.", {
      cause,
    })
  }
}

/** RFC 6750, section 3: `error_description` has printable ASCII without double quote and backslash. */
function toQuotedText(text: string): string {
  if (/^[\x20-\x21\x23-\x5b\x5d-\x7e]*$/.test(text)) return text
  return text.replaceAll('"', "'").replace(/[^\x20-\x7e]|\\/g, '?')
}
