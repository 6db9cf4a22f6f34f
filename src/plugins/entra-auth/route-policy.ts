import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Caller } from './caller.ts'
import { ForbiddenError } from './refusals.ts'

/** Who may call a route. Any one of the roles, or of the scopes, is enough. */
export interface RoutePolicy {
  /** App roles that open the route to an app. Without any, apps are refused. */
  readonly roles?: readonly string[]
  /** Delegated scopes that open the route to a user. Without any, users are refused. */
  readonly scopes?: readonly string[]
  /** When set, the only applications (client ids) that may call, for themselves or for a user. */
  readonly clientIds?: readonly string[]
  /** The least proof an application must have given for its token. `certificate` refuses client secrets. */
  readonly credential?: 'secret' | 'certificate'
}

/** Rules for every route alike. */
export interface AccessRules {
  /** When not empty, the only applications (client ids, lower case) that may call: the second gate. */
  allowedClientIds: ReadonlySet<string>
  allowGuests: boolean
}

const Names = Type.Array(Type.String({ minLength: 1 }), { minItems: 1 })
const RoutePolicySchema = Type.Object(
  {
    roles: Type.Optional(Names),
    scopes: Type.Optional(Names),
    clientIds: Type.Optional(Names),
    credential: Type.Optional(Type.Enum(['secret', 'certificate'])),
  },
  { additionalProperties: false },
)

/**
 * Stops the start when a protected route does not say who may call it.
 * @throws {Error} naming the route
 */
export function assertRoutePolicy(route: string, policy: unknown): asserts policy is RoutePolicy {
  const isComplete =
    Value.Check(RoutePolicySchema, policy) && (policy.roles !== undefined || policy.scopes !== undefined)
  if (isComplete) return
  throw new Error(
    `${route} is protected and does not say who may call it. Give its route options ` +
      "config: { policy: { roles: ['…'] and/or scopes: ['…'], clientIds?: ['…'], credential?: 'secret' | 'certificate' } }",
  )
}

/**
 * @throws {ForbiddenError} when the caller may not use a route with this policy. Roles count for apps and scopes for
 *   users, never one for the other: any app of the tenant can get a token for this API, so a token alone opens nothing.
 */
export function assertMayCall(caller: Caller, policy: RoutePolicy, rules: AccessRules): void {
  assertClient(caller, policy, rules)
  if (caller.kind === 'app') assertHasRole(caller, policy)
  else assertHasScope(caller, policy, rules)
  assertCredential(caller, policy)
}

function assertClient({ clientId }: Caller, policy: RoutePolicy, rules: AccessRules): void {
  if (rules.allowedClientIds.size === 0 && policy.clientIds === undefined) return
  const id = clientId?.toLowerCase() ?? ''
  const passesGate = rules.allowedClientIds.size === 0 || rules.allowedClientIds.has(id)
  const passesRoute = policy.clientIds === undefined || policy.clientIds.some((allowed) => allowed.toLowerCase() === id)
  if (passesGate && passesRoute) return
  throw new ForbiddenError(
    'caller_not_allowed',
    `The application ${clientId ?? 'without a client id'} is not among those that may call.`,
  )
}

function assertHasRole(caller: Caller, { roles }: RoutePolicy): void {
  if (roles === undefined) throw new ForbiddenError('caller_not_allowed', 'Only users may call this, and an app did.')
  if (roles.some((role) => caller.roles.has(role))) return
  throw new ForbiddenError(
    'role_missing',
    `The app needs the role ${roles.join(' or ')} and has ${list(caller.roles)}. Have an administrator grant it, then get a new token.`,
  )
}

function assertHasScope(caller: Caller, { scopes }: RoutePolicy, rules: AccessRules): void {
  if (caller.isGuest && !rules.allowGuests) {
    throw new ForbiddenError('guest_not_allowed', 'Guests of the tenant may not call this API.')
  }
  if (scopes === undefined) throw new ForbiddenError('caller_not_allowed', 'Only apps may call this, and a user did.')
  if (scopes.some((scope) => caller.scopes.has(scope))) return
  throw new ForbiddenError(
    'scope_missing',
    `The user's token needs the scope ${scopes.join(' or ')} and has ${list(caller.scopes)}.`,
  )
}

const STRENGTH = { unknown: 0, none: 0, secret: 1, certificate: 2 }

function assertCredential({ credential }: Caller, { credential: least }: RoutePolicy): void {
  if (least === undefined || STRENGTH[credential] >= STRENGTH[least]) return
  throw new ForbiddenError(
    'caller_not_allowed',
    `The application must get its token with a ${least} at least; this token was got with: ${credential}.`,
  )
}

function list(names: ReadonlySet<string>): string {
  return names.size === 0 ? 'none' : [...names].join(', ')
}
