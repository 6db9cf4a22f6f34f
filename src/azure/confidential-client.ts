import { X509Certificate } from 'node:crypto'
import type { AuthenticationResult, ConfidentialClientApplication, NodeAuthOptions } from '@azure/msal-node'
import { PublicError } from '../errors.ts'
import { summarizeFault } from './fault-summary.ts'
import { assertInstalled } from './installed.ts'
import { once } from './once.ts'

/** MSAL keeps a token for every user for ever: after this many acquisitions its cache starts anew. */
const MAX_CACHED_USERS = 1_000
/** Entra does not know the credential (any more): secret wrong, secret expired, certificate unknown. */
const REFUSED_CREDENTIAL = /AADSTS(?:7000215|7000222|700027)\b/

/** Loaded when it is needed, which few requests do. */
export const loadMsal = once(() => import('@azure/msal-node'))

/** How this application proves to Entra who it is. */
export type ApiCredential =
  | { secret: string }
  /** Certificate and private key as PEM, as Key Vault exports them. */
  | { certificate: string }
  /** A managed identity's token as federated credential: no secret anywhere. */
  | { assertion: () => Promise<string> }

export interface ConfidentialClientOptions {
  /** `https://login.microsoftonline.com` */
  authorityHost: string
  clientId: string
  /** Read at first use, and again when Entra refuses the credential: it was rotated. */
  readCredential: () => Promise<ApiCredential>
  /** Default 1,000. */
  maxCachedUsers?: number
}

/** Entra wants the user to do something first: consent, or meet a conditional access policy. */
export class UserInteractionNeededError extends Error {
  /** The claims that the client must ask for, as JSON; undefined when only consent is missing. */
  readonly claims: string | undefined

  constructor(message: string, claims: string | undefined) {
    super(message)
    this.name = 'UserInteractionNeededError'
    this.claims = claims
  }
}

/** One application of Entra that gets tokens for itself and on behalf of users. */
export function createConfidentialClient(options: ConfidentialClientOptions) {
  const { authorityHost, clientId, readCredential, maxCachedUsers = MAX_CACHED_USERS } = options
  assertInstalled('graph', '@azure/msal-node')
  let client: Promise<ConfidentialClientApplication> | undefined
  let acquired = 0

  async function connect(): Promise<ConfidentialClientApplication> {
    client ??= readCredential().then(async (credential) => {
      const { ConfidentialClientApplication } = await loadMsal()
      const auth = {
        clientId,
        authority: `${authorityHost}/organizations`,
        knownAuthorities: [new URL(authorityHost).host],
      }
      return new ConfidentialClientApplication({ auth: { ...auth, ...toAuthOptions(credential) } })
    })
    client.catch(() => {
      client = undefined
    })
    return await client
  }

  async function acquire(
    ask: (application: ConfidentialClientApplication) => Promise<AuthenticationResult | null>,
  ): Promise<string> {
    try {
      return toToken(await ask(await connect()))
    } catch (error) {
      if (!(await isRefusedCredential(error))) throw await translate(error)
    }
    client = undefined
    return toToken(await ask(await connect()).catch(async (error: unknown) => Promise.reject(await translate(error))))
  }

  return {
    /**
     * The on-behalf-of flow (OAuth 2.0 On-Behalf-Of flow, Microsoft Learn). A user's second call costs no request.
     * @param assertion the user's access token for this API
     * @throws {UserInteractionNeededError}
     */
    async onBehalfOf(assertion: string, tenantId: string, scopes: string[]): Promise<string> {
      acquired += 1
      if (acquired % maxCachedUsers === 0) (await connect()).clearCache()
      const authority = `${authorityHost}/${tenantId}`
      return await acquire((application) =>
        application.acquireTokenOnBehalfOf({ oboAssertion: assertion, scopes, authority }),
      )
    },
    /** The client credentials flow. */
    async clientCredentials(tenantId: string, scopes: string[]): Promise<string> {
      const authority = `${authorityHost}/${tenantId}`
      return await acquire((application) => application.acquireTokenByClientCredential({ scopes, authority }))
    },
  }
}

/** Whether to read the credential again: it was rotated. */
export async function isRefusedCredential(error: unknown): Promise<boolean> {
  const { ServerError } = await loadMsal()
  return error instanceof ServerError && REFUSED_CREDENTIAL.test(error.message)
}

export function toAuthOptions(credential: ApiCredential): Partial<NodeAuthOptions> {
  if ('secret' in credential) return { clientSecret: credential.secret }
  if ('assertion' in credential) return { clientAssertion: credential.assertion }
  const { certificate } = credential
  const thumbprintSha256 = new X509Certificate(certificate).fingerprint256.replaceAll(':', '')
  const privateKey = /-----BEGIN (?:\w+ )?PRIVATE KEY-----[\s\S]+?-----END (?:\w+ )?PRIVATE KEY-----/.exec(
    certificate,
  )?.[0]
  if (privateKey === undefined) throw new Error('the certificate in Key Vault is not PEM with its private key')
  return { clientCertificate: { thumbprintSha256, privateKey } }
}

function toToken(result: AuthenticationResult | null): string {
  if (result === null) throw new Error('Entra gave no token')
  return result.accessToken
}

async function translate(error: unknown): Promise<Error> {
  if (error instanceof PublicError) return error
  const { InteractionRequiredAuthError } = await loadMsal()
  if (error instanceof InteractionRequiredAuthError) {
    return new UserInteractionNeededError(error.errorCode, error.claims === '' ? undefined : error.claims)
  }
  return summarizeFault(error)
}
