type Claims = Readonly<Record<string, unknown>>

/** Microsoft Graph, by its URL and by its client id, the same in every tenant. */
const GRAPH_AUDIENCES: readonly unknown[] = [
  'https://graph.microsoft.com',
  'https://graph.microsoft.com/',
  '00000003-0000-0000-c000-000000000000',
]

/**
 * What to change in the app registrations or in the request so that a token with this fault would be accepted.
 * It names the section of docs/entra-setup.md, and a test holds those names.
 * @param code of the refusal
 * @param claims as they came; undefined when they could not be read
 */
export function advise(code: string, claims: Claims | undefined): string | undefined {
  switch (code) {
    case 'token_malformed':
      return 'Send the value of access_token as it came from the token endpoint, whole. Opaque tokens are not for APIs.'
    case 'token_algorithm':
      return 'Entra signs access tokens with RS256. Get the token from Entra: this one was made elsewhere.'
    case 'token_key_unknown':
    case 'token_signature':
      return claims !== undefined && isForGraph(claims)
        ? graphAdvice
        : 'Get a new token from the issuer, and send it unchanged.'
    case 'token_issuer':
      return adviseOnIssuer(claims ?? {})
    case 'token_audience':
      return claims !== undefined && isForGraph(claims)
        ? graphAdvice
        : 'Ask for the scope api://<client id of this API>/.default. If the audience is right and merely spelled otherwise, add it to ENTRA_API_AUDIENCES. See docs/entra-setup.md#the-api.'
    case 'token_expired':
      return 'Get a new token. If this one is new, compare the clocks. See docs/entra-setup.md#clocks.'
    case 'token_not_yet_valid':
      return 'Compare the clock of this machine with the time in the token. See docs/entra-setup.md#clocks.'
    case 'token_claim_missing':
      return claims !== undefined && isIdToken(claims)
        ? 'Send the access_token of the token response, not its id_token.'
        : 'Get the token from Entra: its access tokens have this claim.'
    case 'role_missing':
      return "In the caller's app registration, under API permissions, add this API's app role as an application permission and grant admin consent; then get a new token. In B2C the same, and the role arrives in scp. See docs/entra-setup.md#a-calling-service."
    case 'scope_missing':
      return 'Ask for the scope api://<client id of this API>/user_impersonation, consent to it, and get a new token. See docs/entra-setup.md#people.'
    case 'caller_not_allowed':
      return "Use an application and a kind of token that the endpoint's policy names, or add the client id to ENTRA_ALLOWED_CLIENT_IDS. See docs/entra-setup.md#a-calling-service."
    case 'guest_not_allowed':
      return 'Call as a member of the tenant, or set ENTRA_ALLOW_GUESTS=true. See docs/entra-setup.md#people.'
    default:
      return undefined
  }
}

const graphAdvice =
  'This token is for Microsoft Graph, and nobody else can check its signature. Ask for a token for this API: scope api://<client id of this API>/.default.'

function adviseOnIssuer({ iss, ver, tfp, acr }: Claims): string {
  if (tfp !== undefined || acr !== undefined)
    return 'Add the policy to B2C_POLICY, or sign in through one that is there. See docs/entra-setup.md#b2c.'
  if ((typeof iss === 'string' && iss.startsWith('https://sts.windows.net/')) || ver === '1.0') {
    return "This is a v1.0 token. In the API's app registration, set requestedAccessTokenVersion to 2 in the manifest; then get a new token. See docs/entra-setup.md#the-api."
  }
  return 'Get the token from the tenant that this API trusts (ENTRA_TENANT_ID), or trust this one (ENTRA_ALLOWED_TENANT_IDS, B2C_TENANT_NAME). See docs/entra-setup.md#other-tenants.'
}

function isForGraph({ aud }: Claims): boolean {
  return GRAPH_AUDIENCES.includes(aud)
}

/** An ID token has a nonce, or nothing that only access tokens have ('Access token claims reference'). */
function isIdToken(claims: Claims): boolean {
  return 'nonce' in claims || !['scp', 'roles', 'azp', 'appid', 'idtyp'].some((name) => name in claims)
}
