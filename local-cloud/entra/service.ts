import { timingSafeEqual } from 'node:crypto'
import formbody from '@fastify/formbody'
import { type Application, applications, b2c, externalId, tenant } from '../directory.ts'
import type { Server } from '../server.ts'
import { EntraError } from './errors.ts'
import type { IssuerName, Issuers, Tokens } from './tokens.ts'

type Form = Readonly<Record<string, unknown>>

/** Where each kind of issuer has its metadata, below the one origin that plays every host of Microsoft's. */
const authorities: ReadonlyArray<{ name: IssuerName; path: string; endpoints: string }> = [
  { name: 'v2', path: tenant.id, endpoints: '/oauth2/v2.0' },
  { name: 'v1', path: tenant.id, endpoints: '/oauth2' },
  { name: 'multi-tenant', path: 'organizations', endpoints: '/oauth2/v2.0' },
  { name: 'b2c', path: `${b2c.tenantName}.onmicrosoft.com/${b2c.policy}`, endpoints: '/oauth2/v2.0' },
  { name: 'external-id', path: externalId.tenantId, endpoints: '/oauth2/v2.0' },
]

/** Entra's endpoints: metadata, keys and tokens. */
export async function registerEntra(app: Server, issuers: Issuers, tokens: Tokens, origin: () => string) {
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

  app.post('/:tenant/oauth2/v2.0/token', async (request, reply) => {
    assertTenant(request.params)
    const form = isForm(request.body) ? request.body : {}
    reply.header('cache-control', 'no-store, no-cache')
    const accessToken = await grantClientCredentials(form, request.headers.authorization, tokens)
    return { token_type: 'Bearer', expires_in: 3_599, ext_expires_in: 3_599, access_token: accessToken }
  })
}

/** The client credentials grant (RFC 6749, section 4.4; 'OAuth 2.0 client credentials flow', Microsoft Learn). */
async function grantClientCredentials(form: Form, authorization: string | undefined, tokens: Tokens): Promise<string> {
  const grantType = readField(form, 'grant_type')
  if (grantType !== 'client_credentials') {
    throw new EntraError(
      400,
      'unsupported_grant_type',
      70003,
      `The app requested an unsupported grant type '${grantType}'.`,
    )
  }
  const app = authenticateClient(readClient(form, authorization))
  const scope = readField(form, 'scope')
  if (!scope.endsWith('/.default')) {
    throw new EntraError(
      400,
      'invalid_scope',
      1002012,
      `The provided value for scope ${scope} is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).`,
    )
  }
  const resource = scope.slice(0, -'/.default'.length)
  const token = tokens.forResource(app, resource)
  if (token === undefined) {
    throw new EntraError(
      400,
      'invalid_resource',
      500011,
      `The resource principal named ${resource} was not found in the tenant named ${tenant.displayName}.`,
    )
  }
  return await token
}

/** The client's id and secret from the form, or from HTTP Basic (RFC 6749, section 2.3.1). */
function readClient(form: Form, authorization: string | undefined): { clientId: string; secret: string } {
  const basic = /^Basic (\S+)$/i.exec(authorization ?? '')?.[1]
  if (basic === undefined)
    return { clientId: readField(form, 'client_id'), secret: readField(form, 'client_secret', 7000216) }
  const [clientId = '', secret = ''] = Buffer.from(basic, 'base64').toString().split(':').map(decodeURIComponent)
  return { clientId, secret }
}

function authenticateClient({ clientId, secret }: { clientId: string; secret: string }): Application {
  const app = applications.find((candidate) => candidate.clientId === clientId.toLowerCase())
  if (app === undefined) {
    throw new EntraError(
      400,
      'unauthorized_client',
      700016,
      `Application with identifier '${clientId}' was not found in the directory '${tenant.displayName}'.`,
    )
  }
  if (app.secret === undefined || !equals(app.secret, secret)) {
    throw new EntraError(
      401,
      'invalid_client',
      7000215,
      'Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID.',
    )
  }
  return app
}

function assertTenant(params: unknown): void {
  const name = isForm(params) ? params['tenant'] : undefined
  if (name === tenant.id) return
  throw new EntraError(
    400,
    'invalid_tenant',
    90002,
    `Tenant '${String(name)}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.`,
  )
}

function readField(form: Form, name: string, aadsts = 900144): string {
  const value = form[name]
  if (typeof value === 'string' && value !== '') return value
  throw new EntraError(
    400,
    'invalid_request',
    aadsts,
    `The request body must contain the following parameter: '${name}'.`,
  )
}

function isForm(value: unknown): value is Form {
  return typeof value === 'object' && value !== null
}

function equals(expected: string, actual: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(actual)]
  return a.length === b.length && timingSafeEqual(a, b)
}
