import type { CallersConfig } from './config.ts'
import type { IssuerOptions } from './plugins/entra-auth/issuer-options.ts'

/** Whose tokens this service accepts, from its configuration: Entra's, and B2C's beside them when configured. */
export function listIssuers(config: CallersConfig): IssuerOptions[] {
  const api = { clientId: config.ENTRA_API_CLIENT_ID, audiences: config.ENTRA_API_AUDIENCES }
  const authorityHost = config.ENTRA_AUTHORITY_HOST
  const tenantName = /^https:\/\/([^./]+)\.ciamlogin\.com$/.exec(authorityHost)?.[1]
  const one = { tenantId: config.ENTRA_TENANT_ID, authorityHost, ...api }
  const entra: IssuerOptions =
    config.ENTRA_TENANT_ID === 'organizations'
      ? { kind: 'multi-tenant', allowedTenants: config.ENTRA_ALLOWED_TENANT_IDS, authorityHost, ...api }
      : tenantName === undefined
        ? { kind: 'entra', ...one }
        : { kind: 'external-id', tenantName, ...one }
  const b2c = readB2c(config)
  return b2c === undefined ? [entra] : [entra, b2c]
}

function readB2c(config: CallersConfig): IssuerOptions | undefined {
  const { B2C_TENANT_NAME: tenantName, B2C_API_CLIENT_ID: clientId, B2C_POLICY: policies } = config
  if (tenantName === undefined || clientId === undefined) return undefined
  return { kind: 'b2c', tenantName, policies, clientId, authorityHost: config.B2C_AUTHORITY_HOST }
}
