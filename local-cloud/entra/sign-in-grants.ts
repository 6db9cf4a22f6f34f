import { createHash } from 'node:crypto'
import { applications, people } from '../directory.ts'
import type { Grant, Grants } from './authorization-codes.ts'
import { authenticateClient, type Registrations } from './client-authentication.ts'
import { EntraError } from './errors.ts'
import { type Form, readField, readOptionalField } from './form.ts'
import type { TokenAnswer, TokenRequest } from './token-request.ts'
import { type Tokens, tenantIdOf } from './tokens.ts'

/** What people who signed in get: for the code that they came back with, and for a refresh token. */
export function createSignInGrants(grants: Grants, tokens: Tokens, registrations: Registrations) {
  /** RFC 6749, section 4.1.3, with RFC 7636. */
  async function redeemCode(request: TokenRequest): Promise<TokenAnswer> {
    const { form } = request
    await assertClient(request)
    const granted = grants.takeCode(readField(form, 'code'))
    const challenge = createHash('sha256').update(readField(form, 'code_verifier')).digest('base64url')
    const fits =
      granted !== undefined &&
      granted.request.clientId === readField(form, 'client_id') &&
      granted.request.redirectUri === readField(form, 'redirect_uri') &&
      granted.request.challenge === challenge
    if (!fits)
      throw new EntraError(
        400,
        'invalid_grant',
        70000,
        'The authorization code, its verifier or its redirect URI is not valid.',
      )
    return await answerGrant(granted)
  }

  /** RFC 6749, section 6. */
  async function refresh(request: TokenRequest): Promise<TokenAnswer> {
    await assertClient(request)
    const granted = grants.findRefreshToken(readField(request.form, 'refresh_token'))
    if (granted?.request.clientId === readField(request.form, 'client_id')) return await answerGrant(granted)
    throw new EntraError(400, 'invalid_grant', 50173, 'The provided grant has expired due to it being revoked.')
  }

  /** A web application proves itself; one on somebody's machine or in a browser cannot. */
  async function assertClient(request: TokenRequest): Promise<void> {
    const clientId = readField(request.form, 'client_id')
    const app = applications.find((known) => known.clientId === clientId)
    if (app?.signIn?.platform === 'web') await authenticateClient({ ...request, tenantId: app.tenantId }, registrations)
    else assertRightPlatform(request.form, request.origin)
  }

  async function answerGrant(grant: Grant): Promise<TokenAnswer> {
    const { as, issuer, sid, request } = grant
    const { clientId, nonce, scope, hasClaims } = request
    const amr = hasClaims ? ['pwd', 'mfa'] : ['pwd']
    const proof = applications.find((known) => known.clientId === clientId)?.signIn?.platform === 'web' ? '2' : '0'
    const { objectId: uid } = people[as]
    return {
      access_token: await tokens.mint({
        issuer,
        as,
        claims: { azp: clientId, azpacr: proof, amr, scp: 'user_impersonation' },
      }),
      id_token: await tokens.forSignIn(issuer, clientId, as, { nonce, sid }),
      refresh_token: grants.addRefreshToken(grant),
      scope,
      client_info: Buffer.from(JSON.stringify({ uid, utid: tenantIdOf(issuer) })).toString('base64url'),
    }
  }

  return { redeemCode, refresh }
}

/** Whether this is a page that may read the answer: pages of applications that are registered as such. */
export function isSinglePageApp(form: Form): boolean {
  const app = applications.find(({ clientId }) => clientId === form['client_id'])
  return app?.signIn?.platform === 'single-page'
}

function assertRightPlatform(form: Form, origin: string | undefined): void {
  if (readOptionalField(form, 'client_secret') !== undefined) {
    const message = 'Client is public so neither client_assertion nor client_secret should be presented.'
    throw new EntraError(401, 'invalid_client', 700025, message)
  }
  if (isSinglePageApp(form) === (origin !== undefined)) return
  throw origin === undefined
    ? new EntraError(
        400,
        'invalid_request',
        9002327,
        "Tokens issued for the 'Single-Page Application' client-type may only be redeemed via cross-origin requests.",
      )
    : new EntraError(
        400,
        'invalid_request',
        9002326,
        `Cross-origin token redemption is permitted only for the 'Single-Page Application' client-type. Request origin: '${origin}'.`,
      )
}
