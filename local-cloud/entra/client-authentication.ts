import { timingSafeEqual, X509Certificate } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader, importX509, jwtVerify } from 'jose'
import { type Application, applications, tokenExchange } from '../directory.ts'
import { EntraError } from './errors.ts'
import { readField, readOptionalField } from './form.ts'
import type { Issuer } from './issuer.ts'
import type { TokenRequest } from './token-request.ts'

const JWT_BEARER = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
/** MSAL dates `nbf` from a clock with fractions: half a second ahead is still now. */
const CLOCK_TOLERANCE_SECONDS = 5

/** An application, and how it proved itself: `azpacr` of its tokens. */
export interface AuthenticatedClient {
  app: Application
  strength: '1' | '2'
}

export interface Registrations {
  issuer: Issuer
  /** PEM of the certificate that an application registered, by client id. */
  certificates: ReadonlyMap<string, string>
  /** Client secrets that are others than the directory's, by client id. */
  clientSecrets: ReadonlyMap<string, string>
}

/** Secret in the form or as HTTP Basic, certificate, or federated credential (RFC 6749, section 2.3; RFC 7523). */
export async function authenticateClient(
  { form, authorization, tenantId, tokenEndpoint }: TokenRequest,
  registrations: Registrations,
): Promise<AuthenticatedClient> {
  const basic = /^Basic (\S+)$/i.exec(authorization ?? '')?.[1]
  if (basic !== undefined) {
    const [id = '', secret = ''] = Buffer.from(basic, 'base64').toString().split(':').map(decodeURIComponent)
    return checkSecret(findApplication(id, tenantId), secret, registrations)
  }
  const assertion = readOptionalField(form, 'client_assertion')
  if (assertion === undefined) {
    const app = findApplication(readField(form, 'client_id'), tenantId)
    return checkSecret(app, readField(form, 'client_secret', 7000216), registrations)
  }
  if (readField(form, 'client_assertion_type') !== JWT_BEARER) {
    throw new EntraError(400, 'invalid_request', 7000217, 'The client_assertion_type is not supported.')
  }
  const app = findApplication(readField(form, 'client_id'), tenantId)
  const isFederated = readClaims(assertion).aud === tokenExchange
  await (isFederated
    ? checkFederated(app, assertion, registrations)
    : checkCertificate(app, assertion, tokenEndpoint, registrations))
  return { app, strength: '2' }
}

function findApplication(clientId: string, tenantId: string): Application {
  const app = applications.find((known) => known.clientId === clientId.toLowerCase() && known.tenantId === tenantId)
  if (app !== undefined) return app
  throw new EntraError(
    400,
    'unauthorized_client',
    700016,
    `Application with identifier '${clientId}' was not found in the directory '${tenantId}'.`,
  )
}

function checkSecret(app: Application, secret: string, { clientSecrets }: Registrations): AuthenticatedClient {
  const expected = clientSecrets.get(app.clientId) ?? app.secret
  if (expected !== undefined && equals(expected, secret)) return { app, strength: '1' }
  throw new EntraError(
    401,
    'invalid_client',
    7000215,
    'Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID.',
  )
}

/** 'Microsoft identity platform application authentication certificate credentials': PS256 with `x5t#S256`. */
async function checkCertificate(
  app: Application,
  assertion: string,
  tokenEndpoint: string,
  { certificates }: Registrations,
): Promise<void> {
  const pem = certificates.get(app.clientId)
  const { alg, 'x5t#S256': thumbprint } = decodeProtectedHeader(assertion)
  const expected =
    pem && Buffer.from(new X509Certificate(pem).fingerprint256.replaceAll(':', ''), 'hex').toString('base64url')
  if (pem === undefined || alg !== 'PS256' || thumbprint !== expected) {
    throw new EntraError(
      401,
      'invalid_client',
      700027,
      'The certificate with identifier used to sign the client assertion is not registered on application.',
    )
  }
  const rules = { issuer: app.clientId, subject: app.clientId, audience: tokenEndpoint, algorithms: ['PS256'] }
  await jwtVerify(assertion, await importX509(pem, 'PS256'), {
    ...rules,
    clockTolerance: CLOCK_TOLERANCE_SECONDS,
  }).catch((error) => {
    throw new EntraError(
      401,
      'invalid_client',
      700027,
      `Client assertion failed signature validation: ${String(error)}`,
    )
  })
}

/** 'Configure an application to trust a managed identity': its token is the assertion. */
async function checkFederated(app: Application, assertion: string, { issuer }: Registrations): Promise<void> {
  const claims = await issuer.verify(assertion, tokenExchange).catch((error) => {
    throw new EntraError(401, 'invalid_client', 700024, `Client assertion is not valid: ${String(error)}`)
  })
  if (claims.sub !== undefined && app.federatedSubject === claims.sub) return
  throw new EntraError(
    401,
    'invalid_client',
    700213,
    'No matching federated identity record found for presented assertion subject.',
  )
}

function readClaims(assertion: string) {
  try {
    return decodeJwt(assertion)
  } catch {
    throw new EntraError(400, 'invalid_request', 50027, 'JWT token is invalid or malformed.')
  }
}

function equals(expected: string, actual: string): boolean {
  const [a, b] = [Buffer.from(expected), Buffer.from(actual)]
  return a.length === b.length && timingSafeEqual(a, b)
}
