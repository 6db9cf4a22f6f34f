/** Who exists in the local cloud. Every id and secret is made up, and works nowhere else. */

export interface Application {
  displayName: string
  clientId: string
  /** Object id of its service principal in the tenant: `oid` and `sub` of its app-only tokens. */
  objectId: string
  /** Client secret, for those that get tokens with one. */
  secret?: string
  /** Granted app roles, by the client id of the API that defines them. */
  grantedRoles: Readonly<Record<string, readonly string[]>>
}

export const tenant = { id: '7c9a1e02-5d0b-4c1e-9a53-0f6f2f4d8e11', displayName: 'Local Cloud' }

/** The API under development, as its app registration would define it. */
export const api = {
  clientId: 'b0a7c5de-6f1d-4a0f-8f8e-2d1c0b9a8e77',
  identifierUri: 'api://b0a7c5de-6f1d-4a0f-8f8e-2d1c0b9a8e77',
  appRoles: ['Codes.Issue', 'Codes.Verify', 'Graph.Hello'],
}

/** A backend service that may do everything. */
export const caller = {
  displayName: 'Caller',
  clientId: '1d5f3a7c-2b4e-4c6d-8e9f-a0b1c2d3e4f5',
  objectId: '5b8c7d6e-1f2a-4b3c-9d4e-6f7a8b9c0d1e',
  secret: 'local-caller-secret',
  grantedRoles: { [api.clientId]: api.appRoles },
} satisfies Application

/** Another application of the tenant: it gets a token for the API as any can, and has no role. */
export const stranger = {
  displayName: 'Stranger',
  clientId: '2e6a4b8d-3c5f-4d7e-9fa0-b1c2d3e4f5a6',
  objectId: '6c9d8e7f-2a3b-4c4d-8e5f-7a8b9c0d1e2f',
  secret: 'local-stranger-secret',
  grantedRoles: {},
} satisfies Application

/** The managed identity that the API and its worker run as. */
export const managedIdentity: Application = {
  displayName: 'API identity',
  clientId: '3f7b5c9e-4d60-4e8f-8ab1-c2d3e4f5a6b7',
  objectId: '7dae9f80-3b4c-4d5e-9f60-8b9c0d1e2f30',
  grantedRoles: {},
}

/** People. The guest is at home in another tenant. */
export const user = { displayName: 'Uma User', objectId: '8ebfa091-4c5d-4e6f-8071-9c0d1e2f3041' }
export const guest = { displayName: 'Gus Guest', objectId: '9fc0b1a2-5d6e-4f70-8182-ad1e2f304152' }
export const homeOfGuest = '0ad1c2b3-6e7f-4081-9293-be2f30415263'

/** A B2C tenant that the API is registered in too. */
export const b2c = {
  tenantName: 'localb2c',
  tenantId: '1be2d3c4-7f80-4192-a3a4-cf3041526374',
  policy: 'B2C_1_signin',
  apiClientId: '2cf3e4d5-8091-42a3-b4b5-d04152637485',
}

/** An External ID tenant, which the API under development does not trust. */
export const externalId = { tenantId: '3d04f5e6-91a2-43b4-85c6-e15263748596' }

export const applications: readonly Application[] = [caller, stranger, managedIdentity]

/** Azure's own resources, by the identifier that tokens for them are asked and issued for. */
export const resources = { keyVault: 'https://vault.azure.net', storage: 'https://storage.azure.com' }

/** Who may read secrets (`Key Vault Secrets User`), by object id. */
export const secretReaders: ReadonlySet<string> = new Set([managedIdentity.objectId])

export const numberApiKeyName = 'number-api-key'
export const queueName = 'code-requests'
export const tableName = 'codes'
