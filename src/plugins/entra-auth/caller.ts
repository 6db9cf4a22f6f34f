import { readClaims, type VerifiedClaims } from './claims.ts'
import type { IssuerSettings } from './issuer-options.ts'

/** How the application that got the token proved who it is (`azpacr`, `appidacr`): 0 not at all, 1 secret, 2 certificate. */
type CredentialStrength = 'none' | 'secret' | 'certificate' | 'unknown'

/** Who is calling, from a verified token. Deeply frozen. */
export interface Caller {
  readonly kind: 'app' | 'user'
  /** `tid`. Together with `objectId` the caller's identity; a name, an e-mail or a UPN never is. */
  readonly tenantId: string | undefined
  /** `oid`: the object of the user, or of the application's service principal. */
  readonly objectId: string | undefined
  readonly subject: string
  /** `azp` (v2) or `appid` (v1): the application that got the token. */
  readonly clientId: string | undefined
  /** App roles. Granted to an app, or assigned to a user; policies check an app's only. */
  readonly roles: ReadonlySet<string>
  /** Delegated scopes. Policies check a user's only. */
  readonly scopes: ReadonlySet<string>
  readonly isGuest: boolean
  /** Whether the issuer is a B2C tenant, which has no on-behalf-of flow. */
  readonly isB2c: boolean
  readonly credential: CredentialStrength
  /** `uti` or `jti`, for correlation with Entra's sign-in logs. */
  readonly tokenId: string | undefined
  readonly issuer: string
  readonly claims: VerifiedClaims
}

/**
 * Decides who is calling. Claims that nobody decides on are read loosely: an odd shape counts as absent.
 * Source: 'Access token claims reference' and 'Secure applications and APIs by validating claims', Microsoft Learn.
 * @param token where the claims are, for a caller that is remembered with it: then it does not hold them as well
 */
export function createCaller(
  claims: VerifiedClaims,
  issuerKind: IssuerSettings['kind'] = 'entra',
  token?: string,
): Caller {
  return new VerifiedCaller(claims, issuerKind, token)
}

/**
 * Claims would be a fifth of what a remembered token takes in memory, and few ask for them: they are parsed again for whoever
 * does. What decides about a call comes first, so that it is close together in memory.
 */
class VerifiedCaller implements Caller {
  readonly kind
  readonly roles
  readonly scopes
  readonly clientId
  readonly credential
  readonly isGuest
  readonly isB2c
  readonly tenantId
  readonly objectId
  readonly subject
  readonly tokenId
  readonly issuer
  declare readonly claims: VerifiedClaims
  /** The token, of a caller that is remembered with it. */
  readonly #source: string | VerifiedClaims
  #claims: VerifiedClaims | undefined

  constructor(claims: VerifiedClaims, issuerKind: IssuerSettings['kind'], token: string | undefined) {
    this.isB2c = issuerKind === 'b2c'
    this.kind = (this.isB2c ? isB2cAppOnly(claims) : isAppOnly(claims)) ? ('app' as const) : ('user' as const)
    const scp = readText(claims['scp'])?.split(' ').filter(Boolean) ?? []
    // B2C writes the app roles that were granted to an app into `scp` (docs/decisions/0005).
    const [granted, delegated] = this.isB2c && this.kind === 'app' ? [scp, []] : [readList(claims['roles']), scp]
    this.roles = frozenSetOf(granted)
    this.scopes = frozenSetOf(delegated)
    this.clientId = readText(claims['azp']) ?? readText(claims['appid'])
    this.credential = readCredential(claims['azpacr'] ?? claims['appidacr'])
    this.isGuest = this.kind === 'user' && isGuest(claims, issuerKind)
    this.tenantId = readText(claims['tid'])
    this.objectId = readText(claims['oid'])
    this.subject = claims.sub
    this.tokenId = readText(claims['uti']) ?? readText(claims['jti'])
    this.issuer = claims.iss
    this.#source = token ?? claims
    Object.defineProperty(this, 'claims', VerifiedCaller.#ownClaims)
    Object.freeze(this)
  }

  /** As a property of its own, a copy of the caller has it as well; one for all, so that V8 takes all callers for alike. */
  static readonly #ownClaims = {
    enumerable: true,
    get(this: VerifiedCaller) {
      this.#claims ??= deepFreeze(typeof this.#source === 'string' ? readClaims(this.#source) : this.#source)
      return this.#claims
    },
  }
}

/** `idtyp` is an optional claim that says it; without it, an app's token names the same object twice and has no scope. */
function isAppOnly({ idtyp, oid, sub, scp }: VerifiedClaims): boolean {
  if (idtyp !== undefined) return idtyp === 'app'
  return typeof oid === 'string' && oid === sub && scp === undefined
}

/** What a B2C policy writes when a person signed in, or can be told to write about one. */
const B2C_USER_CLAIMS = ['tfp', 'acr', 'auth_time', 'idp', 'emails', 'name', 'given_name', 'family_name', 'newUser']

/** A B2C token is an app's only when nothing in it is of a person or a policy (docs/decisions/0005). */
function isB2cAppOnly(claims: VerifiedClaims): boolean {
  const { oid, sub, azp } = claims
  if (typeof azp !== 'string' || (oid !== undefined && oid !== sub)) return false
  return !B2C_USER_CLAIMS.some((name) => name in claims)
}

/**
 * `acct` is an optional claim, 1 for a guest; `idp` is there when another tenant or provider signed the user in. In B2C and
 * External ID it names how a customer signs in (`google.com`, `LocalAccount`), and customers are no guests.
 */
function isGuest({ acct, idp, tid }: VerifiedClaims, issuerKind: IssuerSettings['kind']): boolean {
  if (acct !== undefined) return Number(acct) === 1
  if (issuerKind === 'b2c' || issuerKind === 'external-id' || typeof idp !== 'string') return false
  return !(typeof tid === 'string' && idp.toLowerCase().includes(tid.toLowerCase()))
}

function readCredential(value: unknown): CredentialStrength {
  switch (String(value)) {
    case '0':
      return 'none'
    case '1':
      return 'secret'
    case '2':
      return 'certificate'
    default:
      return 'unknown'
  }
}

function readText(value: unknown): string | undefined {
  return typeof value === 'string' && value !== '' ? value : undefined
}

function readList(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : []
}

/** `Object.freeze` alone leaves a Set's entries open to change. */
class FrozenSet extends Set<string> {
  constructor(values: readonly string[]) {
    super()
    for (const value of values) super.add(value)
    Object.freeze(this)
  }

  override add(): never {
    throw new TypeError('The caller of a request cannot be changed.')
  }

  override delete(): never {
    return this.add()
  }

  override clear(): never {
    return this.add()
  }
}

/** Callers share their sets: most have the same few roles. */
const frozenSets = new Map<string, FrozenSet>()
const MAX_SHARED_SETS = 1_000

function frozenSetOf(values: readonly string[]): ReadonlySet<string> {
  const name = JSON.stringify(values)
  const shared = frozenSets.get(name)
  if (shared !== undefined) return shared
  const set = new FrozenSet(values)
  if (frozenSets.size < MAX_SHARED_SETS) frozenSets.set(name, set)
  return set
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const member of Object.values(value)) if (typeof member === 'object') deepFreeze(member)
  }
  return value
}
