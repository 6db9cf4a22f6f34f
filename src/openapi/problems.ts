import { errorCodes } from 'fastify'
import { GraphError, InsufficientClaimsError, NotConfiguredError, NumberApiError, UnavailableError } from '../errors.ts'
import {
  ForbiddenError,
  InvalidTokenError,
  KeysUnavailableError,
  TokenMissingError,
} from '../plugins/entra-auth/refusals.ts'
import type { RoutePolicy } from '../plugins/entra-auth/route-policy.ts'
import {
  headersTooLarge,
  methodNotAllowed,
  notFound,
  rateLimited,
  requestTimeout,
  toPublicError,
} from '../plugins/problem-details.ts'

/** One of each error that the API answers, made as the service makes them: what is documented is what they answer. */
export const problems = {
  token_missing: new TokenMissingError(),
  token_malformed: new InvalidTokenError('token_malformed', 'The token needs three parts, each base64url; it has 1.'),
  token_algorithm: new InvalidTokenError('token_algorithm', 'The token is signed with "HS256"; RS256 is accepted.'),
  token_key_unknown: new InvalidTokenError(
    'token_key_unknown',
    'The issuer has no signing key "k1". Get a new token; if that does not help, the token is not from this issuer.',
  ),
  token_signature: new InvalidTokenError('token_signature', 'The signature does not fit the token.'),
  token_issuer: new InvalidTokenError(
    'token_issuer',
    'The token is from "https://issuer.example", which is not trusted.',
  ),
  token_audience: new InvalidTokenError(
    'token_audience',
    'The token is for "https://graph.microsoft.com", and this API is another. Ask for the scope <this API>/.default.',
  ),
  token_expired: new InvalidTokenError(
    'token_expired',
    'The token expired at 2026-11-20T16:54:48.000Z; it is 2026-11-20T17:00:00.000Z. Get a new one.',
  ),
  token_not_yet_valid: new InvalidTokenError(
    'token_not_yet_valid',
    'The token is valid from 2026-11-20T16:54:48.000Z; it is 2026-11-20T16:50:00.000Z. Check the clocks.',
  ),
  token_claim_missing: new InvalidTokenError(
    'token_claim_missing',
    'This is an ID token. Send the access token: ID tokens are for the application that signed someone in.',
  ),
  role_missing: new ForbiddenError(
    'role_missing',
    'The app needs the role Codes.Issue and has none. Have an administrator grant it, then get a new token.',
  ),
  scope_missing: new ForbiddenError(
    'scope_missing',
    "The user's token needs the scope user_impersonation and has none.",
  ),
  caller_not_allowed: new ForbiddenError(
    'caller_not_allowed',
    'The application 2e6a4b8d-3c5f-4d7e-9fa0-b1c2d3e4f5a6 is not among those that may call.',
  ),
  guest_not_allowed: new ForbiddenError('guest_not_allowed', 'Guests of the tenant may not call this API.'),
  request_invalid: toPublicError(new errorCodes.FST_ERR_VALIDATION("body must have required property 'code'")),
  not_found: notFound('/api/v1/code'),
  method_not_allowed: methodNotAllowed('DELETE', ['GET']),
  request_timeout: requestTimeout,
  headers_too_large: headersTooLarge,
  payload_too_large: toPublicError(new errorCodes.FST_ERR_CTP_BODY_TOO_LARGE()),
  media_type: toPublicError(new errorCodes.FST_ERR_CTP_INVALID_MEDIA_TYPE()),
  rate_limited: rateLimited(600, 42),
  keys_unavailable: new KeysUnavailableError(),
  secret_unavailable: new UnavailableError(
    'secret_unavailable',
    'A secret that this service needs cannot be read for the moment.',
  ),
  queue_unavailable: new UnavailableError('queue_unavailable', 'The queue of codes is out of reach for the moment.'),
  codes_unavailable: new UnavailableError('codes_unavailable', 'The table of codes is out of reach for the moment.'),
  number_api_unavailable: new UnavailableError(
    'number_api_unavailable',
    'The number API is failing at the moment. Send the request again.',
  ),
  graph_unavailable: new UnavailableError(
    'graph_unavailable',
    'Microsoft Graph is failing at the moment. Send the request again.',
  ),
  overloaded: new UnavailableError(
    'overloaded',
    'This endpoint works on as many requests as it can at the moment. Send the request again.',
  ),
  number_api_failed: new NumberApiError('number_api_failed', 'The number API answered with status 401.', {
    upstreamStatus: 401,
  }),
  number_api_invalid: new NumberApiError(
    'number_api_invalid',
    'The number API answered without a whole number in "value".',
  ),
  number_api_timeout: new NumberApiError('number_api_timeout', 'The number API did not answer within 5000 ms.'),
  graph_failed: new GraphError('graph_failed', 'Microsoft Graph answered with status 404.', { upstreamStatus: 404 }),
  graph_forbidden: new GraphError(
    'graph_forbidden',
    'Microsoft Graph refused this service. Grant it the permission User.Read, with admin consent.',
    { upstreamStatus: 403 },
  ),
  graph_timeout: new GraphError('graph_timeout', 'Microsoft Graph did not answer within 5000 ms.'),
  graph_not_configured: new NotConfiguredError('graph_not_configured', ['B2C_DIRECTORY_TENANT_ID']),
  insufficient_claims: new InsufficientClaimsError(undefined, undefined),
  internal: toPublicError(new Error()),
}

/** `code` of an error answer. */
export type ProblemCode = keyof typeof problems

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Errors that this route answers beyond those that follow from its policy and its body. */
    problems?: readonly ProblemCode[]
  }
}

const REFUSED_TOKENS: readonly ProblemCode[] = [
  'token_missing',
  'token_malformed',
  'token_algorithm',
  'token_key_unknown',
  'token_signature',
  'token_issuer',
  'token_audience',
  'token_expired',
  'token_not_yet_valid',
  'token_claim_missing',
]

interface RouteFacts {
  hasBody: boolean
  policy?: RoutePolicy | undefined
  problems?: readonly ProblemCode[] | undefined
}

/** Every error that a route can answer. */
export function listProblems({ hasBody, policy, problems: own = [] }: RouteFacts): readonly ProblemCode[] {
  return [
    ...(hasBody ? (['request_invalid', 'payload_too_large', 'media_type'] as const) : []),
    ...(policy === undefined ? [] : refusalsOf(policy)),
    ...own,
    'internal',
  ]
}

function refusalsOf({ roles, scopes }: RoutePolicy): readonly ProblemCode[] {
  return [
    ...REFUSED_TOKENS,
    ...(roles === undefined ? [] : (['role_missing'] as const)),
    ...(scopes === undefined ? [] : (['scope_missing'] as const)),
    'caller_not_allowed',
    'guest_not_allowed',
    'rate_limited',
    'overloaded',
    'keys_unavailable',
  ]
}
