import type { FastifyInstance, FastifyPluginAsync, FastifyRequest, onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { RESOURCE_METADATA_PATH, resourceMetadataUrl } from '../resource-metadata.ts'
import { createAuthenticator } from './authenticator.ts'
import { bearerTokenOf, readAuthorization } from './bearer-token.ts'
import type { Caller } from './caller.ts'
import { type FetchJson, fetchJsonOverHttps } from './issuer-metadata.ts'
import { type IssuerOptions, readIssuerOptions } from './issuer-options.ts'
import { AccessRefusedError, TokenMissingError } from './refusals.ts'
import { type AccessRules, assertMayCall, assertRoutePolicy, type RoutePolicy } from './route-policy.ts'
import { confirmSignature, registerSecondOpinion } from './second-opinion.ts'
import { createTrustedIssuer, type IssuerUpkeep } from './trusted-issuer.ts'
import type { JsonObject } from './unverified-token.ts'
import { createVerifiedTokens, type VerifiedTokens } from './verified-tokens.ts'

/** Why a request was refused, and what its token claims: `iss`, `azp`, `appid`, `tid`, `uti`, which need not be true. */
export interface Refusal {
  code: string
  detail: string
  claimed: Readonly<Record<string, string>>
}

export { PublicError, UnavailableError } from '../../errors.ts'
export { ForbiddenError, InvalidTokenError } from './refusals.ts'
export type { Caller, FetchJson, IssuerOptions, RoutePolicy }
export { AccessRefusedError, TokenMissingError }

export interface EntraAuthOptions {
  /** Whose tokens are accepted; several side by side do not affect each other. */
  issuers: readonly IssuerOptions[]
  /** When not empty, the only applications (client ids) that may call any route: a second gate behind the roles. */
  allowedClientIds?: readonly string[] | undefined
  /** Whether users who are guests of the tenant may call; default false. */
  allowGuests?: boolean | undefined
  /**
   * How many verified tokens are remembered, so that they need not be verified again; default 10,000, about 20 MB when all
   * are used, 25 once their claims were read. More callers than that at a time cost a verification now and then.
   * `false`: none.
   */
  tokenCache?: false | { maxTokens: number } | undefined
  /** Told of every refusal, for the log; by default it writes a line `access refused`. */
  onRefused?: ((request: FastifyRequest, refusal: Refusal) => void) | undefined
  /** Name of the request's decorator; default `caller`. Another name needs its own `declare module 'fastify'`. */
  decoratorName?: string | undefined
  /** Fetches metadata and keys; default is `fetch` over https without redirects. For tests and for proxies. */
  fetchJson?: FetchJson | undefined
  /** Milliseconds since the epoch; default `Date.now`. For tests. */
  now?: (() => number) | undefined
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
      /**
       * Authenticates a request by a token that the application holds for its sender, such as that of a person's session: by
       * the same rules as one that came with a request of its own. Sets `request.caller`.
       * @throws {AccessRefusedError} or a 503 while an issuer cannot be asked
       */
      authenticate(request: FastifyRequest, token: string, policy: RoutePolicy): Promise<void>
      /** The verified token of a request, for the on-behalf-of flow. It is a secret: never log or answer it. */
      tokenOf(request: FastifyRequest): string
      /** Who is calling, as far as that is known: null where no token was accepted. */
      callerOf(request: FastifyRequest): Caller | null
      /** How the keys of each issuer are kept up, and the memory of verified tokens is used; that is null when it is off. */
      readonly upkeep: {
        issuers: readonly IssuerUpkeep[]
        tokens: Readonly<Pick<VerifiedTokens, 'size' | 'hits' | 'misses'>> | null
      }
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
    [verifiedCaller]: Caller | null
    [knownCaller]: Caller | null
  }
}

const DEFAULT_MAX_TOKENS = 10_000

const verifiedCaller = Symbol('entra-auth.caller')
/** Also one whom the route's policy refused: for the log. */
const knownCaller = Symbol('entra-auth.known-caller')

/**
 * Validates Entra access tokens and decides who may call which route. Decorates the request with `caller` and the
 * application with `entraAuth`. Source of the rules: RFC 6750, RFC 8725, and 'Access tokens in the Microsoft identity
 * platform' on Microsoft Learn.
 */
const entraAuth: FastifyPluginAsync<EntraAuthOptions> = async (app, options) => {
  const { fetchJson = fetchJsonOverHttps, now = Date.now, onRefused = logRefusal } = options
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

  await registerSecondOpinion(app)

  app.decorateRequest(verifiedCaller, null)
  app.decorateRequest(knownCaller, null)
  app.decorateRequest(options.decoratorName ?? 'caller', {
    getter(this: FastifyRequest) {
      const caller = this[verifiedCaller]
      if (caller === null) throw new TokenMissingError()
      return caller
    },
  })

  const tokens =
    options.tokenCache === false ? undefined : createVerifiedTokens(options.tokenCache?.maxTokens ?? DEFAULT_MAX_TOKENS)
  const authenticate = createAuthenticator<FastifyRequest>({
    issuers,
    tokens,
    now,
    confirm: confirmSignature,
  })

  const checkedPolicies = new WeakSet<RoutePolicy>()
  function checkPolicy(route: string, policy: RoutePolicy | undefined): asserts policy is RoutePolicy {
    if (policy !== undefined && checkedPolicies.has(policy)) return
    assertRoutePolicy(route, policy)
    checkedPolicies.add(policy)
  }

  /** Tokens that did not come with their requests. */
  const heldTokens = new WeakMap<FastifyRequest, string>()

  function admit(request: FastifyRequest, caller: Caller, policy = request.routeOptions.config.policy): void {
    request[knownCaller] = caller
    checkPolicy(request.url, policy)
    assertMayCall(caller, policy, rules)
    request[verifiedCaller] = caller
  }

  /** Refusals point to the metadata where the application has such a route. */
  let hasResourceMetadata = false
  app.addHook('onReady', async () => {
    hasResourceMetadata = app.hasRoute({ method: 'GET', url: RESOURCE_METADATA_PATH })
  })

  function explain(request: FastifyRequest, error: unknown): Error {
    if (error instanceof AccessRefusedError) {
      if (hasResourceMetadata) error.resourceMetadataUrl = resourceMetadataUrl(request)
      const { code, detail, unverifiedClaims = request[knownCaller]?.claims } = error
      onRefused(request, { code, detail, claimed: listClaimed(unverifiedClaims) })
    }
    return error instanceof Error ? error : new Error(String(error))
  }

  async function authorizeLater(request: FastifyRequest, caller: Promise<Caller>): Promise<void> {
    try {
      admit(request, await caller)
    } catch (error) {
      throw explain(request, error)
    }
  }

  /** With callbacks, because a promise costs more than all of this for a token that is remembered. */
  const authorize: onRequestHookHandler = (request, _reply, done) => {
    let refusal: Error | undefined
    try {
      const caller = authenticate(request, readAuthorization(request.raw.rawHeaders))
      if (caller instanceof Promise) {
        authorizeLater(request, caller).then(() => done(), done)
        return
      }
      admit(request, caller)
    } catch (error) {
      refusal = explain(request, error)
    }
    done(refusal)
  }

  app.decorate('entraAuth', {
    protect(scope: FastifyInstance) {
      scope.addHook('onRoute', (route) => checkPolicy(`${route.method} ${route.url}`, route.config?.policy))
      scope.addHook('onRequest', authorize)
    },
    async authenticate(request: FastifyRequest, token: string, policy: RoutePolicy) {
      request[verifiedCaller] = null
      request[knownCaller] = null
      try {
        admit(request, await authenticate(request, `Bearer ${token}`), policy)
        heldTokens.set(request, token)
      } catch (error) {
        throw explain(request, error)
      }
    },
    async assertReady() {
      await Promise.any(issuers.map((issuer) => issuer.settle())).catch(({ errors }: AggregateError) => {
        throw errors[0]
      })
    },
    tokenOf(request: FastifyRequest) {
      // Throws where the request was not authenticated, as `request.caller` does.
      return request.caller && (heldTokens.get(request) ?? bearerTokenOf(readAuthorization(request.raw.rawHeaders)))
    },
    callerOf: (request: FastifyRequest) => request[knownCaller],
    get upkeep() {
      return { issuers: issuers.map(({ upkeep }) => upkeep), tokens: tokens ?? null }
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

function logRefusal(request: FastifyRequest, { code, detail, claimed }: Refusal): void {
  request.log.info({ problem: code, detail, claimed }, 'access refused')
}

/** What finds the token in Entra's sign-in logs, as it claims: it need not be true. */
function listClaimed(claims: JsonObject | undefined): Record<string, string> {
  const claimed: Record<string, string> = {}
  for (const name of ['iss', 'azp', 'appid', 'tid', 'uti']) {
    const value = claims?.[name]
    if (typeof value === 'string') claimed[name] = value.slice(0, 200)
  }
  return claimed
}

export default fp(entraAuth, { name: 'entra-auth', fastify: '5.x' })
