import { api, tenant } from '../directory.ts'
import type { Grants } from './authorization-codes.ts'
import { type AuthenticatedClient, authenticateClient, type Registrations } from './client-authentication.ts'
import { EntraError } from './errors.ts'
import { type Form, readField, readOptionalField } from './form.ts'
import { grantOnBehalfOf, type OnBehalfOfParts } from './on-behalf-of.ts'
import { createSignInGrants } from './sign-in-grants.ts'
import type { TokenAnswer, TokenRequest } from './token-request.ts'

const OBO = 'urn:ietf:params:oauth:grant-type:jwt-bearer'

interface Parts extends OnBehalfOfParts, Omit<Registrations, 'issuer'> {
  grants: Grants
  /** Every on-behalf-of request, for tests that look at its fields. */
  onBehalfOfRequests: Form[]
}

/** Answers token requests: client credentials, on-behalf-of, authorization code with PKCE, refresh. */
export function createTokenEndpoint(parts: Parts) {
  const { tokens, grants, onBehalfOfRequests } = parts
  const registrations = registrationsOf(parts)
  const signInGrants = createSignInGrants(grants, tokens, registrations)

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

  return async (request: TokenRequest): Promise<TokenAnswer> => {
    const { form } = request
    const grantType = readField(form, 'grant_type')
    switch (grantType) {
      case 'client_credentials': {
        const client = await authenticateClient(request, registrations)
        return { access_token: await grantClientCredentials(client, readField(form, 'scope')) }
      }
      case OBO: {
        const client = await authenticateClient(request, registrations)
        readField(form, 'scope')
        onBehalfOfRequests.push(form)
        return { access_token: await grantOnBehalfOf(client, form, parts) }
      }
      case 'authorization_code':
        return await signInGrants.redeemCode(request)
      case 'refresh_token':
        return await signInGrants.refresh(request)
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

function registrationsOf({ issuers, certificates, clientSecrets }: Parts): Registrations {
  return { issuer: issuers.v2, certificates, clientSecrets }
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
export async function grantInB2c(request: TokenRequest, parts: Parts): Promise<TokenAnswer> {
  const { form } = request
  const { app } = await authenticateClient(request, registrationsOf(parts))
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
    access_token: await parts.tokens.mint({
      issuer: 'b2c',
      claims: { azp: app.clientId, sub: app.objectId, scp: roles.join(' ') },
    }),
  }
}
