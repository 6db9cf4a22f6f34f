import type { RoutePolicy } from '../plugins/entra-auth/route-policy.ts'
import { createNameUuid } from './name-uuid.ts'

/** Names of roles and scopes become ids in this namespace: never change it, assignments refer to the ids. */
const NAMESPACE = '5d0c5f9e-2f0b-4d63-9b0f-6f4a1f3c7a21'

/** Microsoft Graph and its permissions: the same ids in every tenant ('Microsoft Graph permissions reference'). */
export const graph = {
  clientId: '00000003-0000-0000-c000-000000000000',
  delegated: { 'User.Read': 'e1fe6dd8-ba31-4d61-89e7-88639da4683d' },
  application: {
    'Application.Read.All': '9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30',
    'User.Read.All': 'df021288-bdef-4463-88db-98f22de89214',
  },
} as const

type Policies = Readonly<Record<string, RoutePolicy>>

export interface AppRole {
  id: string
  value: string
  displayName: string
  description: string
  isEnabled: boolean
  allowedMemberTypes: ['Application']
}

/** Every app role that a route asks for, with the same id in every tenant and at every run. */
export function listAppRoles(policies: Policies): AppRole[] {
  return [...endpointsBy(policies, 'roles')].map(([value, endpoints]) => ({
    id: createNameUuid(NAMESPACE, `role/${value}`),
    value,
    displayName: value,
    description: `Call ${endpoints.join(', ')}`,
    isEnabled: true,
    allowedMemberTypes: ['Application'],
  }))
}

/**
 * What the API's app registration must say, in the format of Microsoft Graph: the portal's manifest editor takes it, and so
 * does `PATCH /applications`.
 */
export function createManifest(policies: Policies) {
  return {
    appRoles: listAppRoles(policies),
    api: {
      // Tokens of version 1 have another issuer, which the service refuses.
      requestedAccessTokenVersion: 2,
      oauth2PermissionScopes: listScopes(policies),
    },
    // Says that an application calls for itself; without it that follows from other claims.
    optionalClaims: { accessToken: [{ name: 'idtyp', essential: false, additionalProperties: [] }] },
  }
}

function listScopes(policies: Policies) {
  return [...endpointsBy(policies, 'scopes')].map(([value, endpoints]) => {
    const description = `Call ${endpoints.join(', ')} for the signed-in person`
    return {
      id: createNameUuid(NAMESPACE, `scope/${value}`),
      value,
      type: 'User',
      isEnabled: true,
      adminConsentDisplayName: 'Use this API for people',
      adminConsentDescription: description,
      userConsentDisplayName: 'Use this API for you',
      userConsentDescription: description,
    }
  })
}

/** The endpoints that each role or scope opens. */
function endpointsBy(policies: Policies, kind: 'roles' | 'scopes'): Map<string, string[]> {
  const found = new Map<string, string[]>()
  for (const [endpoint, policy] of Object.entries(policies)) {
    for (const name of policy[kind] ?? []) found.set(name, [...(found.get(name) ?? []), endpoint])
  }
  return found
}
