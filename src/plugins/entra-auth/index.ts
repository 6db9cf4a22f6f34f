import fastifyJwt from '@fastify/jwt'
import type { FastifyInstance, FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { readBearerToken } from './bearer-token.ts'
import { type Caller, createCaller } from './caller.ts'
import { assertAccessTokenClaims, assertTenant } from './claims.ts'
import { type FetchJson, fetchJsonOverHttps, type VerificationKey } from './issuer-metadata.ts'
import { type IssuerOptions, readIssuerOptions } from './issuer-options.ts'
import { AccessRefusedError, InvalidTokenError, TokenMissingError } from './refusals.ts'
import { type AccessRules, assertMayCall, assertRoutePolicy, type RoutePolicy } from './route-policy.ts'
import { createTrustedIssuer } from './trusted-issuer.ts'
import { findKey, findKnownKey } from './trusted-issuers.ts'
import { type JsonObject, parseUnverifiedToken } from './unverified-token.ts'

/** @public */
export interface EntraAuthOptions {
  /** Whose tokens are accepted; several side by side do not affect each other. */
  issuers: readonly IssuerOptions[]
  /** When not empty, the only applications (client ids) that may call any route: a second gate behind the roles. */
  allowedClientIds?: readonly string[]
  /** Whether users who are guests of the tenant may call; default false. */
  allowGuests?: boolean
  /** Name of the request's decorator; default `caller`. Another name needs its own `declare module 'fastify'`. */
  decoratorName?: string
  /** Fetches metadata and keys; default is `fetch` over https without redirects. For tests and for proxies. */
  fetchJson?: FetchJson
  /** Milliseconds since the epoch; default `Date.now`. For tests. */
  now?: () => number
}

declare module 'fastify' {
  interface FastifyInstance {
    entraAuth: {
      /** Makes a scope protected: every route registered in it afterwards needs a token, and `config.policy`. */
      protect(scope: FastifyInstance): void
      /**
       * Rejects with `keys_unavailable` while no issuer's keys are there. One of several that is out of reach keeps its own
       * callers out, and nobody else's.
       */
      assertReady(): Promise<void>
      /** The verified token of a request, for the on-behalf-of flow. It is a secret: never log or answer it. */
      tokenOf(request: FastifyRequest): string
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
    [unverified]: JsonObject | null
    [verifiedCaller]: Caller | null
  }
}

/** A token of the right form, and the key that must have signed it. */
interface Candidate {
  text: string
  key: VerificationKey
}

const candidate = Symbol('entra-auth.candidate')
/** Claims as they came, for the log line of a refusal. */
const unverified = Symbol('entra-auth.unverified')
const verifiedCaller = Symbol('entra-auth.caller')

/**
 * Validates Entra access tokens and decides who may call which route. Decorates the request with `caller` and the
 * application with `entraAuth`. Source of the rules: RFC 6750, RFC 8725, and 'Access tokens in the Microsoft identity
 * platform' on Microsoft Learn.
 */
const entraAuth: FastifyPluginAsync<EntraAuthOptions> = async (app, options) => {
  const { fetchJson = fetchJsonOverHttps, now = Date.now } = options
  const rules: AccessRules = {
    allowedClientIds: new Set(options.allowedClientIds?.map((id) => id.toLowerCase())),
    allowGuests: options.allowGuests ?? false,
  }
  const issuers = readIssuerOptions(options.issuers).map((settings) =>
    createTrustedIssuer({
      settings,
      fetchJson,
      onFailure: (err) => app.log.warn({ err, issuer: settings.name }, 'the signing keys could not be read'),
      now,
    }),
  )

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
      extractToken: (request: FastifyRequest) => request[candidate]?.text,
    },
  })

  app.decorateRequest(candidate, null)
  app.decorateRequest(unverified, null)
  app.decorateRequest(verifiedCaller, null)
  app.decorateRequest(options.decoratorName ?? 'caller', {
    getter(this: FastifyRequest) {
      const caller = this[verifiedCaller]
      if (caller === null) throw new TokenMissingError()
      return caller
    },
  })

  /** Rules 1 to 5 of 'Token validation', in their order. */
  async function authenticate(request: FastifyRequest): Promise<Caller> {
    const text = readBearerToken(request.raw.rawHeaders)
    const token = parseUnverifiedToken(text)
    request[unverified] = token.unverifiedClaims
    const { issuer, key } = findKnownKey(issuers, token) ?? (await findKey(issuers, token))
    const claims = token.unverifiedClaims
    issuer.assertKeyFits(key, claims)
    await assertSignature(request, { text, key })
    assertAccessTokenClaims(claims, issuer.settings, now())
    await assertTenant(claims, issuer.settings)
    return createCaller(claims, issuer.settings.kind)
  }

  async function authorize(request: FastifyRequest): Promise<void> {
    try {
      const caller = await authenticate(request)
      request[verifiedCaller] = caller
      const { policy } = request.routeOptions.config
      assertRoutePolicy(request.url, policy)
      assertMayCall(caller, policy, rules)
    } catch (error) {
      if (error instanceof AccessRefusedError) {
        error.resourceMetadataUrl = resourceMetadataUrl(request)
        const { code, detail } = error
        request.log.info({ problem: code, detail, claimed: listClaimed(request[unverified]) }, 'access refused')
      }
      throw error
    }
  }

  app.decorate('entraAuth', {
    protect(scope: FastifyInstance) {
      scope.addHook('onRoute', (route) => assertRoutePolicy(`${route.method} ${route.url}`, route.config?.policy))
      scope.addHook('onRequest', authorize)
    },
    async assertReady() {
      await Promise.any(issuers.map((issuer) => issuer.settle())).catch(({ errors }: AggregateError) => {
        throw errors[0]
      })
    },
    tokenOf(request: FastifyRequest) {
      // Throws where the request was not authenticated, as `request.caller` does.
      return request.caller && readBearerToken(request.raw.rawHeaders)
    },
    get issuers() {
      return [...new Set(issuers.flatMap(({ issuer }) => issuer ?? []))]
    },
  })
  app.addHook('onClose', async () => {
    for (const issuer of issuers) issuer.stop()
  })
  for (const issuer of issuers) issuer.start()
}

async function assertSignature(request: FastifyRequest, signed: Candidate): Promise<void> {
  request[candidate] = signed
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

/** What finds the token in Entra's sign-in logs, as it claims: it need not be true. */
function listClaimed(claims: JsonObject | null): Record<string, string> {
  const names = ['iss', 'azp', 'appid', 'tid', 'uti']
  const entries = names.map((name) => [name, claims?.[name]] as const)
  return Object.fromEntries(
    entries.flatMap(([name, value]) => (typeof value === 'string' ? [[name, value.slice(0, 200)]] : [])),
  )
}

/** RFC 9728, section 3.1. The host is the client's own word, given back to that client only. */
function resourceMetadataUrl(request: FastifyRequest): string | undefined {
  if (!/^[\w.:[\]-]+$/.test(request.host)) return undefined
  return `${request.protocol}://${request.host}/.well-known/oauth-protected-resource`
}

export default fp(entraAuth, { name: 'entra-auth', fastify: '5.x' })
