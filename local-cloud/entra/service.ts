import formbody from '@fastify/formbody'
import { b2c, externalId, tenant } from '../directory.ts'
import type { Server } from '../server.ts'
import { EntraError } from './errors.ts'
import { isForm } from './form.ts'
import { registerSignIn } from './sign-in.ts'
import { isSinglePageApp } from './sign-in-grants.ts'
import { createTokenEndpoint, grantInB2c } from './token-endpoint.ts'
import type { TokenAnswer, TokenRequest } from './token-request.ts'
import type { IssuerName } from './tokens.ts'

const b2cAuthority = `${b2c.tenantName}.onmicrosoft.com/${b2c.policy}`

/** Where each kind of issuer has its metadata, below the one origin that plays every host of Microsoft's. */
const authorities: ReadonlyArray<{ name: IssuerName; path: string; endpoints: string }> = [
  { name: 'v2', path: tenant.id, endpoints: '/oauth2/v2.0' },
  { name: 'v2', path: b2c.tenantId, endpoints: '/oauth2/v2.0' },
  { name: 'v1', path: tenant.id, endpoints: '/oauth2' },
  { name: 'multi-tenant', path: 'organizations', endpoints: '/oauth2/v2.0' },
  { name: 'b2c', path: b2cAuthority, endpoints: '/oauth2/v2.0' },
  { name: 'external-id', path: externalId.tenantId, endpoints: '/oauth2/v2.0' },
]

export type EntraParts = Parameters<typeof createTokenEndpoint>[0] & Parameters<typeof registerSignIn>[1]

/** Entra's endpoints: metadata, keys and tokens. */
export async function registerEntra(app: Server, parts: EntraParts, origin: () => string) {
  const { issuers, tokens } = parts
  const grant = createTokenEndpoint(parts)
  await app.register(formbody)
  app.setErrorHandler((error, _request, reply) => {
    const known = error instanceof EntraError ? error : new EntraError(400, 'invalid_request', 9002, String(error))
    return reply.code(known.status).send(known.toBody())
  })
  for (const { path, endpoints, name } of authorities) {
    const base = () => `${origin()}/${path}`
    app.get(`/${path}${name === 'v1' ? '' : '/v2.0'}/.well-known/openid-configuration`, async () => ({
      issuer: tokens.publishedIssuer(name),
      authorization_endpoint: `${base()}${endpoints}/authorize`,
      token_endpoint: `${base()}${endpoints}/token`,
      end_session_endpoint: `${base()}${endpoints}/logout`,
      frontchannel_logout_supported: true,
      jwks_uri: `${base()}/discovery${name === 'v1' ? '' : '/v2.0'}/keys`,
      token_endpoint_auth_methods_supported: ['client_secret_post', 'client_secret_basic'],
      response_types_supported: ['code'],
      subject_types_supported: ['pairwise'],
      id_token_signing_alg_values_supported: ['RS256'],
    }))
    app.get(`/${path}/discovery${name === 'v1' ? '' : '/v2.0'}/keys`, async () => ({
      keys: issuers[name].publicKeys(tokens.publishedIssuer(name)),
    }))
  }

  // Not of Entra: any token that an issuer of this cloud could sign, for people who try things out.
  app.post('/local-cloud/tokens', async (request) => ({ access_token: await tokens.mint(request.body) }))

  // A browser asks first whether a page may send its headers; what it may read is said with the answer.
  app.options('/:tenant/oauth2/v2.0/token', async ({ headers }, reply) => {
    reply.code(204).headers({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'POST, OPTIONS',
      'access-control-allow-headers': headers['access-control-request-headers'] ?? '',
    })
  })

  app.post('/:tenant/oauth2/v2.0/token', async (request, reply) => {
    if (isForm(request.body) && isSinglePageApp(request.body)) reply.header('access-control-allow-origin', '*')
    const answer = await grant(readTokenRequest(request, readTenant(request.params)))
    reply.header('cache-control', 'no-store, no-cache')
    return tokenAnswer(answer, parts.lifetime.seconds)
  })

  app.post(`/${b2cAuthority}/oauth2/v2.0/token`, async (request) => {
    const isApp = isForm(request.body) && request.body['grant_type'] === 'client_credentials'
    const tokenRequest = readTokenRequest(request, b2c.tenantId)
    return tokenAnswer(await (isApp ? grantInB2c(tokenRequest, parts) : grant(tokenRequest)), parts.lifetime.seconds)
  })

  await registerSignIn(app, parts, [
    { name: 'v2', path: tenant.id },
    { name: 'b2c', path: b2cAuthority },
    { name: 'external-id', path: externalId.tenantId },
  ])

  function readTokenRequest({ url, body, headers }: FastifyRequestLike, tenantId: string): TokenRequest {
    const form = isForm(body) ? body : {}
    const tokenEndpoint = `${origin()}${url.split('?')[0]}`
    return { form, authorization: headers.authorization, origin: headers.origin, tenantId, tokenEndpoint }
  }
}

interface FastifyRequestLike {
  url: string
  body: unknown
  headers: { authorization?: string | undefined; origin?: string | undefined }
}

function tokenAnswer(answer: TokenAnswer, lifetimeSeconds: number) {
  return { token_type: 'Bearer', expires_in: lifetimeSeconds, ext_expires_in: lifetimeSeconds, ...answer }
}

/** The tenants whose directory has applications: MSAL writes them in lower case. */
function readTenant(params: unknown): string {
  const name = isForm(params) ? params['tenant'] : undefined
  if (name === tenant.id || name === b2c.tenantId || name === externalId.tenantId) return name
  const message = `Tenant '${String(name)}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.`
  throw new EntraError(400, 'invalid_tenant', 90002, message)
}
