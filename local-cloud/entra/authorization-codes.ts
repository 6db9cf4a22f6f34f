import { randomBytes } from 'node:crypto'
import { applications, type PersonName } from '../directory.ts'
import { EntraError } from './errors.ts'
import { type Form, readField, readOptionalField } from './form.ts'
import type { IssuerName } from './tokens.ts'

/** A request to the authorization endpoint that fits its application's registration. */
export interface AuthorizationRequest {
  clientId: string
  redirectUri: string
  challenge: string
  scope: string
  state: string | undefined
  nonce: string | undefined
  /** Whether the person is asked for consent even when it was given before. */
  asksConsent: boolean
  /** Whether it brings a claims challenge, which here is met by signing in. */
  hasClaims: boolean
}

/** What a person agreed to. */
export interface Grant {
  request: AuthorizationRequest
  issuer: IssuerName
  as: PersonName
  /** Entra's own session in that browser. */
  sid: string
}

/** @throws {EntraError} shown to the person: nothing is answered to an address that is not registered */
export function readAuthorizationRequest(query: Form): AuthorizationRequest {
  const clientId = readField(query, 'client_id')
  const redirectUri = readField(query, 'redirect_uri')
  const app = applications.find((known) => known.clientId === clientId)
  if (app?.signIn?.redirectUri.test(redirectUri) !== true) {
    throw new EntraError(
      400,
      'invalid_request',
      50011,
      `The redirect URI '${redirectUri}' does not match those of the application '${clientId}'.`,
    )
  }
  if (readField(query, 'response_type') !== 'code' || readField(query, 'code_challenge_method') !== 'S256') {
    throw new EntraError(400, 'invalid_request', 9002325, 'Proof Key for Code Exchange (S256) is required.')
  }
  return {
    clientId,
    redirectUri,
    challenge: readField(query, 'code_challenge'),
    scope: readOptionalField(query, 'scope') ?? '',
    state: readOptionalField(query, 'state'),
    nonce: readOptionalField(query, 'nonce'),
    asksConsent: readOptionalField(query, 'prompt') === 'consent',
    // MSAL always asks for some of the ID token's claims; a challenge is about the access token.
    hasClaims: readOptionalField(query, 'claims')?.includes('"access_token"') === true,
  }
}

/** @returns where to send the browser with the answer */
export function answerUrl(
  { redirectUri, state }: AuthorizationRequest,
  answer: Readonly<Record<string, string>>,
): string {
  const target = new URL(redirectUri)
  for (const [name, value] of Object.entries(answer)) target.searchParams.set(name, value)
  if (state !== undefined) target.searchParams.set('state', state)
  return target.href
}

/** Codes of the authorization endpoint (RFC 6749, section 4.1), each good for one use, and refresh tokens. */
export function createGrants() {
  const codes = new Map<string, Grant>()
  const refreshTokens = new Map<string, Grant>()

  function keep(grants: Map<string, Grant>, grant: Grant): string {
    const name = randomBytes(24).toString('base64url')
    grants.set(name, grant)
    return name
  }

  return {
    addCode: (grant: Grant): string => keep(codes, grant),
    takeCode(code: string): Grant | undefined {
      const grant = codes.get(code)
      codes.delete(code)
      return grant
    },
    addRefreshToken: (grant: Grant): string => keep(refreshTokens, grant),
    findRefreshToken: (token: string): Grant | undefined => refreshTokens.get(token),
    /** As an administrator does who ends all of everybody's sessions. */
    revokeRefreshTokens: (): void => refreshTokens.clear(),
  }
}

export type Grants = ReturnType<typeof createGrants>
