import type { FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Credential } from '../../azure/credential.ts'
import { withDeadline } from '../../azure/deadline.ts'
import { createSignInClient, type SignedIn } from '../../azure/sign-in-client.ts'
import { NotConfiguredError, PublicError, SignInError, UnavailableError } from '../../errors.ts'
import { type CredentialNames, readApplicationCredential } from '../application-credential.ts'
import { fetchJsonOverHttps } from '../entra-auth/issuer-metadata.ts'
import type { RoutePolicy } from '../entra-auth/route-policy.ts'
import { sessionOver } from './sessions.ts'

/** For all that one question to Entra takes. */
const ENTRA_TIMEOUT_MS = 10_000
const METADATA_TIMEOUT_MS = 5_000

/** The names are those of the web application's own credential. */
interface SignInOptions extends CredentialNames {
  /** `https://login.microsoftonline.com/<tenant>`, or the same of B2C with its policy, or of External ID. */
  authority: string
  clientId: string
  /** The one scope of this API that people grant. */
  scope: string
  /** Where Entra sends the browser back to. */
  redirectUri: string
  /** This service's own identity. */
  credential: Credential
}

/** OpenID Connect Discovery 1.0, section 3, and RP-Initiated Logout 1.0, section 2.1. */
const Metadata = Type.Object({ end_session_endpoint: Type.String({ pattern: '^https://' }) })

/** Entra's answer to a sign-in (RFC 6749, section 4.1.2), as the browser brings it. */
interface Answer {
  state?: string | undefined
  code?: string | undefined
  error?: string | undefined
}

declare module 'fastify' {
  interface FastifyInstance {
    signIn: {
      /**
       * Begins a sign-in that only this browser's session can finish.
       * @param to where to go afterwards: a path of this application
       * @returns where to send the browser
       */
      begin(request: FastifyRequest, to: string): Promise<string>
      /**
       * Finishes it. Whatever the answer is, it is the only one: no other is accepted for the same sign-in.
       * @param policy what the person's token must open, or there is no session
       * @returns where to go
       * @throws {SignInError} `sign_in_declined`, `sign_in_invalid`
       */
      finish(request: FastifyRequest, answer: Answer, policy: RoutePolicy): Promise<string>
      /**
       * Sets `request.caller` to the person of the session, by a token that goes through the same validation as any other.
       * @throws {SignInError} `session_over`, and then it is
       */
      admit(reply: FastifyReply, policy: RoutePolicy): Promise<void>
      /** Where people sign in and out: forms may lead there. */
      readonly entraOrigin: string
      /** Where to send the browser to end Entra's own session; undefined while Entra cannot be asked. */
      endSessionUrl(backTo: string, loginHint: string | undefined): Promise<string | undefined>
    }
  }
}

/** Signs people in through Entra, and holds their tokens for as long as their sessions last. */
const signIn: FastifyPluginAsync<SignInOptions> = async (app, options) => {
  const { authority, clientId, scope, redirectUri } = options
  const metadata = createMetadataReader(`${authority}/v2.0/.well-known/openid-configuration`)
  const client = createSignInClient({
    authority,
    clientId,
    redirectUri,
    scopes: [scope],
    readCredential: () => readApplicationCredential(app.keyVault, options.credential, options),
    readMetadata: async () => JSON.stringify(await metadata()),
  })

  async function begin({ session, protocol }: FastifyRequest, to: string): Promise<string> {
    // The session's cookie would not be set, and so nobody could come back.
    if (redirectUri.startsWith('https:') && protocol !== 'https')
      throw new NotConfiguredError('proxy_not_trusted', ['TRUST_PROXY'])
    const { url, flow } = await inTime(() => client.begin(readDemand(session.demand)))
    session.flow = { ...flow, to }
    return url
  }

  async function finish(request: FastifyRequest, answer: Answer, policy: RoutePolicy): Promise<string> {
    const { flow } = request.session
    if (flow === undefined || flow.state !== answer.state)
      throw invalid('It was not begun in this browser, or is used already.')
    delete request.session.flow
    await request.session.save()
    if (answer.error !== undefined) throw refusalOf(answer.error)
    const { code = '' } = answer
    if (code === '') throw invalid('Microsoft Entra sent no code.')
    const signedIn = await inTime(() => client.redeem(code, flow))
    await app.entraAuth.authenticate(request, signedIn.accessToken, policy)
    await startSession(request, signedIn)
    return flow.to
  }

  /** Under a new name: whoever knows the old one is not signed in with it. */
  async function startSession(request: FastifyRequest, signedIn: SignedIn): Promise<void> {
    const { homeAccountId, name, loginHint, sid, tokens } = signedIn
    await request.session.regenerate()
    request.session.person = { homeAccountId, name, ...(loginHint !== undefined && { loginHint }) }
    await app.sessions.addTokens(request.session.sessionId, homeAccountId, tokens, sid)
  }

  async function admit(reply: FastifyReply, policy: RoutePolicy): Promise<void> {
    const { session } = reply.request
    if (session.person === undefined) throw sessionOver()
    try {
      await app.entraAuth.authenticate(
        reply.request,
        await getToken(session.sessionId, session.person.homeAccountId),
        policy,
      )
    } catch (error) {
      if (error instanceof SignInError) await app.sessions.end(reply)
      throw error
    }
  }

  async function getToken(sessionId: string, homeAccountId: string): Promise<string> {
    const tokens = await app.sessions.readTokens(sessionId, homeAccountId)
    if (tokens === undefined) throw sessionOver()
    const held = await inTime(() => client.getToken(homeAccountId, tokens))
    if (held.tokens !== tokens) await app.sessions.changeTokens(sessionId, homeAccountId, held.tokens)
    return held.accessToken
  }

  /** OpenID Connect RP-Initiated Logout 1.0, section 2; `logout_hint` as Entra understands it. */
  async function endSessionUrl(backTo: string, loginHint: string | undefined): Promise<string | undefined> {
    const found = await metadata().catch((err: unknown) => app.log.warn({ err }, 'Entra cannot be told of a sign-out'))
    if (found === undefined) return undefined
    const url = new URL(found.end_session_endpoint)
    url.searchParams.set('post_logout_redirect_uri', backTo)
    if (loginHint !== undefined) url.searchParams.set('logout_hint', loginHint)
    return url.href
  }

  app.decorate('signIn', { entraOrigin: new URL(authority).origin, begin, finish, admit, endSessionUrl })
}

/** The authority's metadata, kept once it could be read. */
function createMetadataReader(url: string) {
  let reading: Promise<Type.Static<typeof Metadata>> | undefined
  async function read() {
    const document = await fetchJsonOverHttps(url, AbortSignal.timeout(METADATA_TIMEOUT_MS))
    if (!Value.Check(Metadata, document)) throw new Error(`${url} does not say where to sign out`)
    // All of it: MSAL looks for more than this.
    return document
  }
  return async () => {
    reading ??= read()
    reading.catch(() => {
      reading = undefined
    })
    return await reading
  }
}

async function inTime<T>(work: () => Promise<T>): Promise<T> {
  return await withDeadline(work, ENTRA_TIMEOUT_MS).catch((cause: unknown) => {
    if (cause instanceof PublicError) throw cause
    const detail = 'Microsoft Entra cannot be asked for the moment. Try again shortly.'
    throw new UnavailableError('sign_in_unavailable', detail, { cause })
  })
}

/** From what an answer of Entra's asked for to parameters of the next sign-in. */
function readDemand(demand: string | undefined): { claims?: string; prompt?: 'consent' } {
  if (demand === undefined) return {}
  return demand === '' ? { prompt: 'consent' } : { claims: demand }
}

/** RFC 6749, section 4.1.2.1: what `access_denied` is, others are not anybody's choice. */
function refusalOf(error: string): SignInError {
  if (error === 'access_denied') return new SignInError('sign_in_declined', 'You declined, and so nothing was shared.')
  return invalid('Microsoft Entra ended it.', new Error(`Entra answered ${error.slice(0, 100)}`))
}

function invalid(why: string, cause?: unknown): SignInError {
  return new SignInError('sign_in_invalid', `It cannot be finished. ${why} Begin anew.`, cause)
}

export default fp(signIn, { name: 'sign-in', fastify: '5.x', dependencies: ['sessions', 'entra-auth', 'key-vault'] })
