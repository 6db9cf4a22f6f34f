import fastifyJwt from '@fastify/jwt'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { bearerTokenOf } from './bearer-token.ts'
import { wrongSignature } from './signature.ts'
import type { VerifiedToken } from './verified-tokens.ts'

declare module 'fastify' {
  interface FastifyRequest {
    entraJwtVerify(): Promise<unknown>
  }
}

/** What is asked about. Beside the requests, for few have it: each member of all requests costs all requests. */
const candidates = new WeakMap<FastifyRequest, VerifiedToken>()

/** Sets `@fastify/jwt` up, another implementation than signature.ts, to be asked about signatures alone. */
export async function registerSecondOpinion(app: FastifyInstance): Promise<void> {
  await app.register(fastifyJwt, {
    namespace: 'entra',
    jwtVerify: 'entraJwtVerify',
    decoratorName: 'entraClaims',
    // The key is one that a trusted issuer publishes; where to find keys is never taken from the token.
    secret: (request: FastifyRequest, _token: unknown, callback: (error: Error | null, pem?: string) => void) => {
      callback(null, candidates.get(request)?.key.pem)
    },
    // The claims are checked by this plugin's own rules, which can say what is wrong and run on a clock that is passed in.
    // Its cache is off: it hands one mutable object to many requests.
    verify: {
      algorithms: ['RS256'],
      cache: false,
      ignoreExpiration: true,
      ignoreNotBefore: true,
      extractToken(request: FastifyRequest) {
        const candidate = candidates.get(request)
        return candidate && bearerTokenOf(candidate.authorization)
      },
    },
  })
}

/**
 * Asks before a token is served from memory for the rest of its hour.
 * @throws {InvalidTokenError} `token_signature`
 */
export async function confirmSignature(request: FastifyRequest, token: VerifiedToken): Promise<void> {
  candidates.set(request, token)
  try {
    await request.entraJwtVerify()
  } catch (error) {
    throw isJwtError(error) ? wrongSignature() : error
  } finally {
    candidates.delete(request)
  }
}

/** The codes of `@fastify/jwt` and of `fast-jwt`; anything else is a fault of this service. */
function isJwtError(error: unknown): boolean {
  return error instanceof Error && 'code' in error && /^(?:FST_JWT|FAST_JWT)_/.test(String(error.code))
}
