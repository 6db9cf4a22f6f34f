import { createHash } from 'node:crypto'
import { api, applications, findPerson, people, tenant } from '../directory.ts'
import type { Grant, Grants } from './authorization-codes.ts'
import { type AuthenticatedClient, authenticateClient } from './client-authentication.ts'
import { EntraError } from './errors.ts'
import { type Form, readField, readOptionalField } from './form.ts'
import { type Issuers, type Tokens, tenantIdOf } from './tokens.ts'

const OBO = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

export interface TokenRequest {
  form: Form
  authorization: string | undefined
  /** The page that asks, when a browser does. */
  origin: string | undefined
  tenantId: string
  tokenEndpoint: string
}

interface Parts {
  issuers: Issuers
  tokens: Tokens
  grants: Grants
  /** Object ids of people who consented to what this API does for them, besides those who need not. */
  consents: ReadonlySet<string>
  certificates: ReadonlyMap<string, string>
  clientSecrets: ReadonlyMap<string, string>
  /** Every on-behalf-of request, for tests that look at its fields. */
  onBehalfOfRequests: Form[]
}

/** What a token request gets besides the access token. */
export interface TokenAnswer {
  access_token: string
  id_token?: string
  refresh_token?: string
  scope?: string
  client_info?: string
}

/** Answers token requests: client credentials, on-behalf-of, authorization code with PKCE, refresh. */
export function createTokenEndpoint(parts: Parts) {
  const { issuers, tokens, grants, consents, certificates, clientSecrets, onBehalfOfRequests } = parts

  async function authenticate({ form, authorization, tenantId, tokenEndpoint }: TokenRequest) {
    return await authenticateClient(form, authorization, {
      tenantId,
      tokenEndpoint,
      issuer: issuers.v2,
      certificates,
      clientSecrets,
    })
  }

  /** RFC 6749, section 4.4; 'OAuth 2.0 client credentials flow', Microsoft Learn. */
  async function grantClientCredentials(client: AuthenticatedClient, scope: string): Promise<string> {
    const resource = readResource(scope)
    const token = tokens.forResource(client.app, resource, client.strength)
    if (token !== undefined) return await token
    throw new EntraError(
      400,
      'invalid_resource',
      500011,
      `The resource principal named ${resource} was not found in the tenant named ${tenant.displayName}.`,
    )
  }

  /** 'OAuth 2.0 On-Behalf-Of flow', Microsoft Learn. */
  async function grantOnBehalfOf({ app }: AuthenticatedClient, form: Form): Promise<string> {
    onBehalfOfRequests.push(form)
    if (readField(form, 'requested_token_use') !== 'on_behalf_of') {
      throw new EntraError(400, 'invalid_request', 900144, "The parameter 'requested_token_use' must be on_behalf_of.")
    }
    const claims = await issuers.v2.verify(readField(form, 'assertion'), app.clientId).catch((error) => {
      throw new EntraError(
        400,
        'invalid_grant',
        50013,
        `Assertion failed signature validation. [Reason - ${String(error)}]`,
      )
    })
    const person = findPerson(claims['oid'])
    if (claims['idtyp'] === 'app' || person === undefined) {
      throw new EntraError(
        400,
        'invalid_grant',
        50013,
        'Assertion is not of a user: app-only tokens cannot be exchanged.',
      )
    }
    if (person.needs === 'consent' && !consents.has(person.objectId)) {
      throw new EntraError(
        400,
        'invalid_grant',
        65001,
        `The user or administrator has not consented to use the application with ID '${app.clientId}'.`,
        { suberror: 'consent_required' },
      )
    }
    if (person.needs === 'mfa' && !String(claims['amr']).includes('mfa')) {
      const required = {
        access_token: { capolids: { essential: true, values: ['4e05f6a7-a2b3-44c4-95d7-f26374859607'] } },
      }
      throw new EntraError(
        400,
        'interaction_required',
        50076,
        'Due to a configuration change made by your administrator, you must use multi-factor authentication.',
        { suberror: 'basic_action', claims: JSON.stringify(required) },
      )
    }
    return await tokens.forGraphAsUser(app, person)
  }

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
    if (app?.signIn?.platform === 'web') await authenticate({ ...request, tenantId: app.tenantId })
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

  return async (request: TokenRequest): Promise<TokenAnswer> => {
    const { form } = request
    const grantType = readField(form, 'grant_type')
    switch (grantType) {
      case 'client_credentials': {
        const client = await authenticate(request)
        return { access_token: await grantClientCredentials(client, readField(form, 'scope')) }
      }
      case OBO: {
        const client = await authenticate(request)
        readField(form, 'scope')
        return { access_token: await grantOnBehalfOf(client, form) }
      }
      case 'authorization_code':
        return await redeemCode(request)
      case 'refresh_token':
        return await refresh(request)
      default:
        throw new EntraError(
          400,
          'unsupported_grant_type',
          70003,
          `The app requested an unsupported grant type '${grantType}'.`,
        )
    }
  }
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

/** MSAL adds OpenID Connect's own scopes; a client credentials request has one `/.default` besides. */
function readResource(scope: string): string {
  const resource = scope.split(' ').find((item) => item.endsWith('/.default'))
  if (resource !== undefined) return resource.slice(0, -'/.default'.length)
  throw new EntraError(
    400,
    'invalid_scope',
    1002012,
    `The provided value for scope ${scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).`,
  )
}

/** B2C's client credentials: the scope is the API's, and the token is of the policy's own format. */
export async function grantInB2c(
  request: TokenRequest,
  { issuers, tokens, certificates, clientSecrets }: Parts,
): Promise<TokenAnswer> {
  const { form, authorization, tenantId, tokenEndpoint } = request
  const { app } = await authenticateClient(form, authorization, {
    tenantId,
    tokenEndpoint,
    issuer: issuers.v2,
    certificates,
    clientSecrets,
  })
  if (
    readOptionalField(form, 'grant_type') !== 'client_credentials' ||
    !readField(form, 'scope').endsWith('/.default')
  ) {
    throw new EntraError(
      400,
      'invalid_request',
      90085,
      'The service has encountered an internal error: only client credentials with /.default are served.',
    )
  }
  const roles = app.grantedRoles[api.clientId] ?? []
  return {
    access_token: await tokens.mint({
      issuer: 'b2c',
      claims: { azp: app.clientId, sub: app.objectId, scp: roles.join(' ') },
    }),
  }
}
