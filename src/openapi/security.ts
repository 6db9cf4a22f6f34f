import type { RouteOptions } from 'fastify'
import { type IssuerOptions, readIssuerOptions } from '../plugins/entra-auth/issuer-options.ts'
import type { RoutePolicy } from '../plugins/entra-auth/route-policy.ts'

const SCHEME_NAMES = { entra: 'entra', 'multi-tenant': 'entra', b2c: 'b2c', 'external-id': 'externalId' } as const
const ISSUER_NAMES = { entra: 'Entra', b2c: 'Azure AD B2C', externalId: 'External ID' }

export type Security = ReturnType<typeof describeSecurity>

/** Where callers of one issuer get their tokens, and what they ask for. */
interface TokenSource {
  /** Start of its schemes' names: `entraApp`, `entraUser`. */
  name: keyof typeof ISSUER_NAMES
  authorizationUrl: string
  tokenUrl: string
  /** What a service must change in `tokenUrl`. */
  hint: string
  /** What scopes begin with. */
  apiUri: string
}

/** How callers prove themselves: from the settings by which their tokens are validated, and the policies of the routes. */
export function describeSecurity(issuers: readonly IssuerOptions[], routes: readonly RouteOptions[]) {
  const sources = issuers.map(findTokenSource)
  const scopes = [...new Set(routes.flatMap(({ config }) => config?.policy?.scopes ?? []))]
  return {
    /** Where clients exchange codes for tokens. */
    tokenOrigins: [...new Set(sources.map(({ tokenUrl }) => new URL(tokenUrl).origin))],
    /** What a service asks for. */
    appScopes: sources.map(({ apiUri }) => `${apiUri}/.default`),
    /** What a client asks for when a user signs in to it. */
    userScopes: sources.flatMap(({ apiUri }) => scopes.map((scope) => `${apiUri}/${scope}`)),
    // In the order in which a person at a page can use them.
    schemes: {
      ...Object.fromEntries(sources.map((source) => [`${source.name}User`, userScheme(source, scopes)])),
      accessToken: {
        type: 'http' as const,
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description: 'An access token that you have already, such as one of `npm run token`.',
      },
      ...Object.fromEntries(sources.map((source) => [`${source.name}App`, appScheme(source)])),
    },
    /** Any one of these opens a route with this policy: apps by their role, users by the scope. */
    requirementsOf: (policy: RoutePolicy): Array<Record<string, string[]>> => [
      ...sources.flatMap(({ name, apiUri }) => [
        ...(policy.roles === undefined ? [] : [{ [`${name}App`]: [`${apiUri}/.default`] }]),
        ...(policy.scopes ?? []).map((scope) => ({ [`${name}User`]: [`${apiUri}/${scope}`] })),
      ]),
      { accessToken: [] },
    ],
  }
}

function findTokenSource(issuer: IssuerOptions): TokenSource {
  const [settings] = readIssuerOptions([issuer])
  const authority = settings?.metadataUrl.replace(/(\/v2\.0)?\/\.well-known\/openid-configuration$/, '')
  return {
    name: SCHEME_NAMES[issuer.kind],
    authorizationUrl: `${authority}/oauth2/v2.0/authorize`,
    tokenUrl: `${authority}/oauth2/v2.0/token`,
    // People are sent to their own tenant from there; for services there is no such place.
    hint: issuer.kind === 'multi-tenant' ? ' Put the id of your tenant in the place of organizations.' : '',
    // What Entra and B2C propose as 'Application ID URI' of an app registration.
    apiUri:
      issuer.kind === 'b2c'
        ? `https://${issuer.tenantName}.onmicrosoft.com/${issuer.clientId}`
        : `api://${issuer.clientId}`,
  }
}

function userScheme({ name, authorizationUrl, tokenUrl, apiUri }: TokenSource, scopes: readonly string[]) {
  const described = scopes.map((scope) => [`${apiUri}/${scope}`, 'Call this API for the user.'])
  return {
    type: 'oauth2' as const,
    description: `A program, for the user who signed in to it (${ISSUER_NAMES[name]}, authorization code with PKCE).`,
    flows: { authorizationCode: { authorizationUrl, tokenUrl, scopes: Object.fromEntries(described) } },
  }
}

function appScheme({ name, tokenUrl, hint, apiUri }: TokenSource) {
  const scopes = { [`${apiUri}/.default`]: 'Every app role that the service was granted.' }
  return {
    type: 'oauth2' as const,
    description: `A service, by itself (${ISSUER_NAMES[name]}, client credentials). Not from a browser, which cannot keep a secret.${hint}`,
    flows: { clientCredentials: { tokenUrl, scopes } },
  }
}
