import fastifyJwt from '@fastify/jwt'
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { readBearerToken } from './bearer-token.ts'
import { type Caller, createCaller } from './caller.ts'
import { assertAccessTokenClaims } from './claims.ts'
import { type FetchJson, fetchJsonOverHttps, type VerificationKey } from './issuer-metadata.ts'
import { AccessRefusedError, InvalidTokenError, TokenMissingError } from './refusals.ts'
import { type AccessRules, assertMayCall, assertRoutePolicy, type RoutePolicy } from './route-policy.ts'
import { createTrustedIssuer, type TrustedIssuer } from './trusted-issuer.ts'
import { describe, parseUnverifiedToken } from './unverified-token.ts'

/** @public */
export interface EntraAuthOptions {
  /** GUID of the tenant whose tokens are accepted. */
  tenantId: string
  /** Client id of this API's app registration. It and `api://<client id>` are accepted as `aud`. */
  clientId: string
  /** Further accepted values of `aud`, compared whole. */
  audiences?: readonly string[]
  /** Entra's host; default `https://login.microsoftonline.com`. Sovereign clouds have others. */
  authorityHost?: string
  /** When not empty, the only applications (client ids) that may call any route: a second gate behind the roles. */
  allowedClientIds?: readonly string[]
  /** Whether users who are guests of the tenant may call; default false. */
  allowGuests?: boolean
  /** Fetches metadata and keys; for tests. */
  fetchJson?: FetchJson
  /** Milliseconds since the epoch; for tests. */
  now?: () => number
}

declare module 'fastify' {
  interface FastifyInstance {
    entraAuth: {
      /** Makes a scope protected: every route registered in it afterwards needs a token, and `config.policy`. */
      protect(scope: FastifyInstance): void
      /** Rejects with `keys_unavailable` while the issuer's keys are not there, so that no token can be checked. */
      assertReady(): Promise<void>
      /** The issuers whose tokens are accepted, as far as their metadata could be read. */
      readonly issuers: readonly string[]
    }
  }
  interface FastifyContextConfig {
    /** Who may call this route. Needed in a protected scope. */
    policy?: RoutePolicy
  }
  interface FastifyRequest {
    /** Who is calling. Throws a 401 where no hook authenticated the request, so that forgetting the hook fails closed. */
    readonly caller: Caller
    entraJwtVerify(): Promise<unknown>
    [candidate]: Candidate | null
    [verifiedCaller]: Caller | null
  }
}

/** A token of the right form, and the key that must have signed it. */
interface Candidate {
  token: string
  key: VerificationKey
}

const candidate = Symbol('entra-auth.candidate')
const verifiedCaller = Symbol('entra-auth.caller')

/**
 * Validates Entra access tokens and decides who may call which route. Decorates the request with `caller` and the
 * application with `entraAuth`. Source of the rules: RFC 6750, RFC 8725, and 'Access tokens in the Microsoft identity
 * platform' on Microsoft Learn.
 */
const entraAuth: FastifyPluginAsync<EntraAuthOptions> = async (app, options) => {
  const tenantId = options.tenantId.toLowerCase()
  const clientId = options.clientId.toLowerCase()
  const authorityHost = (options.authorityHost ?? 'https://login.microsoftonline.com').replace(/\/+$/, '')
  const audiences = new Set([clientId, `api://${clientId}`, ...(options.audiences ?? [])])
  const rules: AccessRules = {
    allowedClientIds: new Set(options.allowedClientIds?.map((id) => id.toLowerCase())),
    allowGuests: options.allowGuests ?? false,
  }
  const now = options.now ?? Date.now
  const metadataUrl = `${authorityHost}/${tenantId}/v2.0/.well-known/openid-configuration`
  const issuer = createTrustedIssuer({
    metadataUrl,
    fetchJson: options.fetchJson ?? fetchJsonOverHttps,
    onFailure: (error) => app.log.warn({ err: error, metadataUrl }, 'the signing keys could not be read'),
    now,
  })

  await app.register(fastifyJwt, {
    namespace: 'entra',
    jwtVerify: 'entraJwtVerify',
    decoratorName: 'entraClaims',
    // The key is one that a trusted issuer publishes; where to find keys is never taken from the token.
    secret: (request: FastifyRequest, _token: unknown, callback: (error: Error | null, pem?: string) => void) => {
      callback(null, request[candidate]?.key.pem)
    },
    // The signature alone: the claims are checked by this plugin's own rules, which can say what is wrong and run on a
    // clock that is passed in. Its cache is off: it hands one mutable object to many requests.
    verify: {
      algorithms: ['RS256'],
      cache: false,
      ignoreExpiration: true,
      ignoreNotBefore: true,
      extractToken: (request: FastifyRequest) => request[candidate]?.token,
    },
  })

  app.decorateRequest(candidate, null)
  app.decorateRequest(verifiedCaller, null)
  app.decorateRequest('caller', {
    getter(this: FastifyRequest) {
      const caller = this[verifiedCaller]
      if (caller === null) throw new TokenMissingError()
      return caller
    },
  })

  /** Rules 1 to 5 of 'Token validation', in their order. */
  async function authenticate(request: FastifyRequest): Promise<Caller> {
    const token = readBearerToken(request.raw.rawHeaders)
    const { unverifiedClaims, kid } = parseUnverifiedToken(token)
    await assertTrustedIssuer(unverifiedClaims['iss'], issuer)
    const key = issuer.knownKey(kid) ?? (await issuer.findKey(kid))
    await assertSignature(request, { token, key })
    const claims = unverifiedClaims
    assertAccessTokenClaims(claims, audiences, now())
    return createCaller(claims)
  }

  async function authorize(request: FastifyRequest): Promise<void> {
    try {
      const caller = await authenticate(request)
      request[verifiedCaller] = caller
      const { policy } = request.routeOptions.config
      assertRoutePolicy(request.url, policy)
      assertMayCall(caller, policy, rules)
    } catch (error) {
      if (error instanceof AccessRefusedError) error.resourceMetadataUrl = resourceMetadataUrl(request)
      throw error
    }
  }

  app.decorate('entraAuth', {
    protect(scope: FastifyInstance) {
      scope.addHook('onRoute', (route) => assertRoutePolicy(`${route.method} ${route.url}`, route.config?.policy))
      scope.addHook('onRequest', authorize)
    },
    assertReady: issuer.settle,
    get issuers() {
      return issuer.issuer === undefined ? [] : [issuer.issuer]
    },
  })
  app.addHook('onClose', async () => issuer.stop())
  issuer.start()
}

/** Rule 2: the only use of a claim before the signature verified, to choose whose key must have made it. */
async function assertTrustedIssuer(iss: unknown, trusted: TrustedIssuer): Promise<void> {
  await trusted.settle()
  if (iss === trusted.issuer) return
  if (iss === undefined) {
    throw new InvalidTokenError(
      'token_claim_missing',
      `The token needs an iss claim; this API trusts ${trusted.issuer}.`,
    )
  }
  throw new InvalidTokenError(
    'token_issuer',
    `The token is from ${describe(iss)}, and this API trusts ${trusted.issuer}. Get the token from that tenant; ` +
      'an issuer at sts.windows.net means that the app registration must set requestedAccessTokenVersion to 2.',
  )
}

async function assertSignature(request: FastifyRequest, unverified: Candidate): Promise<void> {
  request[candidate] = unverified
  try {
    await request.entraJwtVerify()
  } catch (error) {
    if (!isJwtError(error)) throw error
    throw new InvalidTokenError(
      'token_signature',
      'The signature of the token is wrong: the token was changed on its way, or its issuer did not make it.',
    )
  } finally {
    request[candidate] = null
  }
}

/** The codes of `@fastify/jwt` and of `fast-jwt`; anything else is a fault of this service. */
function isJwtError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(?:FST_JWT|FAST_JWT)_/.test(String(error.code))
}

/** RFC 9728, section 3.1. The host is the client's own word, given back to that client only. */
function resourceMetadataUrl(request: FastifyRequest): string | undefined {
  if (!/^[\w.:[\]-]+$/.test(request.host)) return undefined
  return `${request.protocol}://${request.host}/.well-known/oauth-protected-resource`
}

export default fp(entraAuth, { name: 'entra-auth', fastify: '5.x' })
