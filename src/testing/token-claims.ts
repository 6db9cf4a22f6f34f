import { identities as id } from './identities.ts'

/** Which issuer, and so which format, a token has. */
export type TestIssuer = 'v2' | 'v1' | 'multi-tenant' | 'b2c' | 'b2c-tfp' | 'external-id'
export type TestCaller = 'app' | 'user' | 'guest'

export interface ClaimsOptions {
  issuer: TestIssuer
  caller: TestCaller
  roles: readonly string[]
  scopes: readonly string[]
}

/** `iss` of each issuer's tokens. */
export const issuerOf: Readonly<Record<TestIssuer, string>> = {
  v2: `https://login.microsoftonline.com/${id.tenantId}/v2.0`,
  v1: `https://sts.windows.net/${id.tenantId}/`,
  'multi-tenant': `https://login.microsoftonline.com/${id.tenantId}/v2.0`,
  b2c: `https://contoso.b2clogin.com/${id.b2cTenantId}/v2.0/`,
  'b2c-tfp': `https://contoso.b2clogin.com/tfp/${id.b2cTenantId}/${id.b2cTfpPolicy.toLowerCase()}/v2.0/`,
  'external-id': `https://${id.externalTenantId}.ciamlogin.com/${id.externalTenantId}/v2.0`,
}

type Claims = Record<string, unknown>

/** The claims that the real issuer writes ('Access token claims reference'; 'Overview of tokens in Azure AD B2C'). */
export function createClaims({ issuer, caller, roles, scopes }: ClaimsOptions): Claims {
  const common = { iss: issuerOf[issuer], uti: 'test-token' }
  if (issuer === 'b2c' || issuer === 'b2c-tfp') return { ...common, ...b2cClaims(issuer, caller, roles, scopes) }
  const isApp = caller === 'app'
  return {
    ...common,
    aud: issuer === 'v1' ? `api://${id.apiClientId}` : id.apiClientId,
    tid: issuer === 'external-id' ? id.externalTenantId : id.tenantId,
    ver: issuer === 'v1' ? '1.0' : '2.0',
    oid: isApp ? id.callerObjectId : id.userObjectId,
    sub: isApp ? id.callerObjectId : 'pairwise-subject-of-the-user',
    ...(issuer === 'v1' ? { appid: id.callerClientId, appidacr: '1' } : { azp: id.callerClientId, azpacr: '1' }),
    ...(isApp ? { roles, idtyp: 'app' } : { scp: scopes.join(' '), name: 'Test User' }),
    ...(caller === 'guest' && { acct: 1, idp: `https://sts.windows.net/${id.otherTenantId}/` }),
  }
}

/** An app's granted roles are in `scp`; a person's token names the policy. */
function b2cClaims(
  issuer: 'b2c' | 'b2c-tfp',
  caller: TestCaller,
  roles: readonly string[],
  scopes: readonly string[],
): Claims {
  const common = { aud: id.b2cApiClientId, azp: id.callerClientId, ver: '1.0' }
  if (caller === 'app') return { ...common, sub: id.callerObjectId, scp: roles.join(' ') }
  return {
    ...common,
    sub: id.userObjectId,
    oid: id.userObjectId,
    scp: scopes.join(' '),
    tfp: issuer === 'b2c' ? id.b2cPolicy : id.b2cTfpPolicy,
    auth_time: 1_700_000_000,
    name: 'Test User',
    ...(caller === 'guest' && { acct: 1 }),
  }
}
