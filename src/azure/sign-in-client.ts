import { randomBytes } from 'node:crypto'
import type { AuthenticationResult, ConfidentialClientApplication } from '@azure/msal-node'
import { PublicError, SignInError, UnavailableError } from '../errors.ts'
import { type ApiCredential, isRefusedCredential, loadMsal, toAuthOptions } from './confidential-client.ts'
import { summarizeFault } from './fault-summary.ts'

export interface SignInClientOptions {
  /** `https://login.microsoftonline.com/<tenant>`, or the same of B2C with its policy, or of External ID. */
  authority: string
  clientId: string
  redirectUri: string
  /** What the person grants to this application. */
  scopes: string[]
  /** Read at first use, and again when Entra refuses the credential: it was rotated. */
  readCredential: () => Promise<ApiCredential>
  /** The authority's metadata (OpenID Connect Discovery 1.0, section 4) as JSON. */
  readMetadata: () => Promise<string>
}

/** What binds a sign-in to who began it: it stays with the browser's session, and is good for one answer. */
export interface SignInFlow {
  state: string
  nonce: string
  /** PKCE's (RFC 7636). */
  verifier: string
}

export interface SignedIn {
  homeAccountId: string
  name: string
  /** Entra's own session in that browser (`sid`), where the optional claim is configured. */
  sid: string | undefined
  /** Tells Entra's sign-out page whom to sign out, where the optional claim `login_hint` is configured. */
  loginHint: string | undefined
  accessToken: string
  /** Everything that MSAL wants to know the next time. As secret as the tokens in it. */
  tokens: string
}

/**
 * Signs people in: the authorization code flow with PKCE, state and nonce, by MSAL. Every operation has an MSAL client of
 * its own, with the tokens of one person in it and no others, so that nobody's can come up for somebody else.
 */
export function createSignInClient(options: SignInClientOptions) {
  const { authority, clientId, redirectUri, scopes } = options
  let credential: Promise<ApiCredential> | undefined

  async function connect(): Promise<ConfidentialClientApplication> {
    credential ??= options.readCredential()
    credential.catch(() => {
      credential = undefined
    })
    const { ConfidentialClientApplication } = await loadMsal()
    const [proof, authorityMetadata] = await Promise.all([credential, options.readMetadata()])
    const knownAuthorities = [new URL(authority).host]
    return new ConfidentialClientApplication({
      auth: { clientId, authority, knownAuthorities, authorityMetadata, ...toAuthOptions(proof) },
    })
  }

  /** A rotated credential is read again, once. */
  async function ask<T>(question: (application: ConfidentialClientApplication) => Promise<T>): Promise<T> {
    try {
      return await question(await connect())
    } catch (error) {
      if (!(await isRefusedCredential(error))) throw error
      credential = undefined
      return await question(await connect())
    }
  }

  return {
    /**
     * @param demand what Entra wants of the person besides, from an earlier answer: claims as JSON, or consent
     * @returns where to send the browser, and what to keep for its answer
     */
    async begin(demand: { claims?: string; prompt?: 'consent' } = {}): Promise<{ url: string; flow: SignInFlow }> {
      const { CryptoProvider } = await loadMsal()
      const { verifier, challenge } = await new CryptoProvider().generatePkceCodes()
      const [state, nonce] = [randomBytes(32).toString('base64url'), randomBytes(32).toString('base64url')]
      const pkce = { codeChallenge: challenge, codeChallengeMethod: 'S256' }
      const url = await ask((application) =>
        application.getAuthCodeUrl({ scopes, redirectUri, state, nonce, responseMode: 'query', ...pkce, ...demand }),
      ).catch(async (error: unknown) => Promise.reject(await translate(error)))
      return { url, flow: { state, nonce, verifier } }
    },
    /** @throws {SignInError} `sign_in_invalid` when the code, its verifier or the nonce is not the right one */
    async redeem(code: string, { nonce, verifier }: SignInFlow): Promise<SignedIn> {
      return await ask(async (application) => {
        const request = { code, scopes, redirectUri, codeVerifier: verifier, nonce }
        return toSignedIn(await application.acquireTokenByCode(request), application)
      }).catch(async (error: unknown) => Promise.reject(await translate(error)))
    },
    /**
     * The person's access token for this API, refreshed when it is about to end.
     * @param tokens what `redeem` or this gave the last time
     * @throws {SignInError} `session_over` when Entra wants the person to sign in again
     */
    async getToken(homeAccountId: string, tokens: string): Promise<SignedIn> {
      return await ask(async (application) => {
        const cache = application.getTokenCache()
        cache.deserialize(tokens)
        const account = await cache.getAccountByHomeId(homeAccountId)
        if (account === null) throw sessionOver()
        return toSignedIn(await application.acquireTokenSilent({ account, scopes }), application)
      }).catch(async (error: unknown) =>
        Promise.reject((await isOver(error)) ? sessionOver(error) : await translate(error)),
      )
    },
  }
}

function toSignedIn(
  { account, accessToken, idTokenClaims }: AuthenticationResult,
  application: ConfidentialClientApplication,
): SignedIn {
  if (account === null) throw new SignInError('sign_in_invalid', 'Microsoft Entra did not say who signed in.')
  const { homeAccountId, name, username, loginHint } = account
  const sid = Object(idTokenClaims).sid
  return {
    homeAccountId,
    name: name || username || 'somebody without a name',
    sid: typeof sid === 'string' ? sid : undefined,
    loginHint,
    accessToken,
    tokens: application.getTokenCache().serialize(),
  }
}

function sessionOver(cause?: unknown): SignInError {
  const detail = 'Your session ran out, or Microsoft Entra wants to see you again. Sign in once more.'
  return new SignInError('session_over', detail, cause && summarizeFault(cause))
}

/** The refresh token has ended or was revoked, or a policy asks for the person. */
async function isOver(error: unknown): Promise<boolean> {
  const { InteractionRequiredAuthError, ServerError } = await loadMsal()
  return (
    error instanceof InteractionRequiredAuthError ||
    (error instanceof ServerError && error.errorCode === 'invalid_grant')
  )
}

async function translate(error: unknown): Promise<Error> {
  if (error instanceof PublicError) return error
  const { ClientAuthError, ServerError } = await loadMsal()
  const cause = summarizeFault(error)
  const isAnswer = error instanceof ServerError && error.errorCode === 'invalid_grant'
  if (isAnswer || (error instanceof ClientAuthError && error.errorCode === 'nonce_mismatch')) {
    return new SignInError(
      'sign_in_invalid',
      'Microsoft Entra does not accept this sign-in any more. Begin anew.',
      cause,
    )
  }
  const detail = 'Microsoft Entra cannot sign anybody in for the moment. Try again shortly.'
  return new UnavailableError('sign_in_unavailable', detail, { cause })
}
