/** Who exists in the local cloud. Every id and secret is made up, and works nowhere else. */

export interface Application {
  displayName: string
  clientId: string
  /** Object id of its service principal in the tenant: `oid` and `sub` of its app-only tokens. */
  objectId: string
  tenantId: string
  /** Client secret, for those that get tokens with one. */
  secret?: string
  /** Object id of the managed identity that may act as this application (federated credential). */
  federatedSubject?: string
  /** Granted app roles, by the client id of the API that defines them. */
  grantedRoles: Readonly<Record<string, readonly string[]>>
  /** For those that sign people in: on which platform, and where answers may go. Ports are free on this machine. */
  signIn?: { platform: 'native' | 'single-page' | 'web'; redirectUri: RegExp }
}

export interface Person {
  displayName: string
  objectId: string
  mail: string
  /** What Entra wants of this person before anybody may act for them. */
  needs?: 'consent' | 'mfa'
}

export const tenant = { id: '7c9a1e02-5d0b-4c1e-9a53-0f6f2f4d8e11', displayName: 'Local Cloud' }

/** A B2C tenant that the API is registered in too. */
export const b2c = {
  tenantName: 'localb2c',
  tenantId: '1be2d3c4-7f80-4192-a3a4-cf3041526374',
  policy: 'B2C_1_signin',
  apiClientId: '2cf3e4d5-8091-42a3-b4b5-d04152637485',
}

/** An External ID tenant, which the API under development does not trust. */
export const externalId = { tenantId: '3d04f5e6-91a2-43b4-85c6-e15263748596' }

/** Azure's own resources, by the identifier that tokens for them are asked and issued for. Graph's is its local address. */
export const resources = { keyVault: 'https://vault.azure.net', storage: 'https://storage.azure.com' }
/** Client id of Microsoft Graph, the same in every tenant. */
export const graphClientId = '00000003-0000-0000-c000-000000000000'
/** The audience of a managed identity's token that serves as federated credential. */
export const tokenExchange = 'api://AzureADTokenExchange'

/** The managed identity that the API and its worker run as. */
export const managedIdentity: Application = {
  displayName: 'API identity',
  clientId: '3f7b5c9e-4d60-4e8f-8ab1-c2d3e4f5a6b7',
  objectId: '7dae9f80-3b4c-4d5e-9f60-8b9c0d1e2f30',
  tenantId: tenant.id,
  grantedRoles: { [graphClientId]: ['Application.Read.All'] },
}

/** The API under development, as its app registration would define it. */
export const api = {
  displayName: 'Codes API',
  clientId: 'b0a7c5de-6f1d-4a0f-8f8e-2d1c0b9a8e77',
  objectId: '5f16a7b8-b3c4-45d5-86e8-037485960718',
  tenantId: tenant.id,
  secret: 'local-api-secret',
  federatedSubject: managedIdentity.objectId,
  grantedRoles: {},
  identifierUri: 'api://b0a7c5de-6f1d-4a0f-8f8e-2d1c0b9a8e77',
  appRoles: ['Codes.Issue', 'Codes.Verify', 'Graph.Hello'],
}

/** A backend service that may do everything. */
export const caller = {
  displayName: 'Caller',
  clientId: '1d5f3a7c-2b4e-4c6d-8e9f-a0b1c2d3e4f5',
  objectId: '5b8c7d6e-1f2a-4b3c-9d4e-6f7a8b9c0d1e',
  tenantId: tenant.id,
  secret: 'local-caller-secret',
  grantedRoles: { [api.clientId]: api.appRoles },
} satisfies Application

/** Another application of the tenant: it gets a token for the API as any can, and has no role. */
export const stranger = {
  displayName: 'Stranger',
  clientId: '2e6a4b8d-3c5f-4d7e-9fa0-b1c2d3e4f5a6',
  objectId: '6c9d8e7f-2a3b-4c4d-8e5f-7a8b9c0d1e2f',
  tenantId: tenant.id,
  secret: 'local-stranger-secret',
  grantedRoles: {},
} satisfies Application

/** A backend service that is registered in the B2C tenant. */
export const b2cCaller = {
  displayName: 'B2C caller',
  clientId: '6027b8c9-c4d5-46e6-97f9-148596071829',
  objectId: '7138c9da-d5e6-47f7-a80a-25960718293a',
  tenantId: b2c.tenantId,
  secret: 'local-b2c-caller-secret',
  grantedRoles: { [api.clientId]: api.appRoles },
} satisfies Application

/** What the API is in the B2C tenant's directory: it may read applications and people there. */
export const b2cDirectoryReader = {
  displayName: 'Codes API in B2C',
  clientId: '8249daeb-e6f7-4808-b91b-36071829304b',
  objectId: '935aebfc-f708-4919-8a2c-47182930415c',
  tenantId: b2c.tenantId,
  secret: 'local-b2c-directory-secret',
  grantedRoles: { [graphClientId]: ['Application.Read.All', 'User.Read.All'] },
} satisfies Application

/** A program on somebody's machine, which signs people in and has no secret. */
export const consoleApp: Application = {
  displayName: 'Console',
  clientId: 'a46bfc0d-0819-4a2a-9b3d-58293041526d',
  objectId: 'b57c0d1e-192a-4b3b-8c4e-69304152637e',
  tenantId: tenant.id,
  grantedRoles: {},
  signIn: { platform: 'native', redirectUri: /^http:\/\/(?:localhost|127\.0\.0\.1)(?::\d+)?(?:\/|$)/ },
}

/** The page at /docs, which signs people in from the browser. */
export const docsApp: Application = {
  displayName: 'Documentation',
  clientId: 'e8af3041-4c5e-4f6a-8b7c-9d6374859607',
  objectId: 'f9b04152-5d6f-407b-9c8d-ae7485960718',
  tenantId: tenant.id,
  grantedRoles: {},
  signIn: {
    platform: 'single-page',
    redirectUri: /^http:\/\/(?:localhost|127\.0\.0\.1)(?::\d+)?\/docs\/static\/oauth2-redirect\.html$/,
  },
}

/** The web application that people sign in to, which has a registration in every tenant. */
export const webApp = {
  displayName: 'Codes console',
  clientId: 'e8af3041-4c5d-4e6e-9f71-9c6374859607',
  objectId: 'f9b04152-5d6e-4f7f-8082-ad7485960718',
  tenantId: tenant.id,
  grantedRoles: {},
  signIn: { platform: 'web', redirectUri: /^http:\/\/(?:localhost|127\.0\.0\.1)(?::\d+)?\/app\/redirect$/ },
} satisfies Application
export const b2cWebApp = {
  ...webApp,
  clientId: '0ac15263-6e7f-4080-9193-be8596071829',
  objectId: '1bd26374-7f80-4191-82a4-cf960718293a',
  tenantId: b2c.tenantId,
  secret: 'local-b2c-web-secret',
} satisfies Application
export const externalWebApp = {
  ...webApp,
  clientId: '2ce37485-8091-42a2-93b5-d0a718293a4b',
  objectId: '3df48596-91a2-43b3-84c6-e1b8293a4b5c',
  tenantId: externalId.tenantId,
} satisfies Application

export const applications: readonly Application[] = [
  api,
  caller,
  stranger,
  managedIdentity,
  b2cCaller,
  b2cDirectoryReader,
  consoleApp,
  docsApp,
  webApp,
  b2cWebApp,
  externalWebApp,
]

/** People. The guest is at home in another tenant. */
export const user: Person = {
  displayName: 'Uma User',
  objectId: '8ebfa091-4c5d-4e6f-8071-9c0d1e2f3041',
  mail: 'uma@local.example',
}
const colleague: Person = {
  displayName: 'Cleo Colleague',
  objectId: 'e8af3042-4c5d-4e6e-8f71-ac6374859608',
  mail: 'cleo@local.example',
}
const guest: Person = {
  displayName: 'Gus Guest',
  objectId: '9fc0b1a2-5d6e-4f70-8182-ad1e2f304152',
  mail: 'gus@elsewhere.example',
}
const unconsenting: Person = {
  displayName: 'Nora Noconsent',
  objectId: 'c68d1e2f-2a3b-4c4c-9d5f-7a4152637485',
  mail: 'nora@local.example',
  needs: 'consent',
}
const multiFactor: Person = {
  displayName: 'Mia Multifactor',
  objectId: 'd79e2f30-3b4c-4d5d-8e60-8b5263748596',
  mail: 'mia@local.example',
  needs: 'mfa',
}
export const homeOfGuest = '0ad1c2b3-6e7f-4081-9293-be2f30415263'
/** People of the B2C tenant. */
export const b2cPeople: readonly Person[] = [user]

/** Everybody, by the name that tools and tests know them by. */
export const people = { user, colleague, guest, unconsenting, multiFactor }
export type PersonName = keyof typeof people

export function findPerson(objectId: unknown): Person | undefined {
  return Object.values(people).find((person) => person.objectId === objectId)
}

/** Who may read secrets (`Key Vault Secrets User`), by object id. */
export const secretReaders: ReadonlySet<string> = new Set([managedIdentity.objectId])

export const numberApiKeyName = 'number-api-key'
export const apiSecretName = 'api-client-secret'
export const apiCertificateName = 'api-certificate'
export const b2cDirectorySecretName = 'b2c-directory-secret'
export const webCertificateName = 'web-certificate'
export const b2cWebSecretName = 'b2c-web-secret'
export const webSessionKeyName = 'web-session-key'
export const queueName = 'code-requests'
export const tableName = 'codes'
export const sessionsTableName = 'sessions'
