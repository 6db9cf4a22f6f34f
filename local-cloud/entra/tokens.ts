import { Type } from 'typebox'
import { Value } from 'typebox/value'
import {
  type Application,
  api,
  b2c,
  caller,
  externalId,
  graphClientId,
  homeOfGuest,
  type Person,
  type PersonName,
  people,
  resources,
  stranger,
  tenant,
  tokenExchange,
} from '../directory.ts'
import type { Changes, Issuer } from './issuer.ts'

const IssuerName = Type.Enum(['v2', 'v1', 'multi-tenant', 'b2c', 'external-id'])
export type IssuerName = Type.Static<typeof IssuerName>

/** Who signs for each issuer: Entra's share their keys, B2C and External ID have their own. */
export type Issuers = Readonly<Record<IssuerName, Issuer>>

/** A wish for a token, as `npm run token` sends it. */
const Wish = Type.Object({
  issuer: Type.Optional(IssuerName),
  as: Type.Optional(Type.Enum(['caller', 'stranger', 'user', 'colleague', 'guest', 'unconsenting', 'multiFactor'])),
  claims: Type.Optional(Type.Record(Type.String(), Type.Unknown())),
  without: Type.Optional(Type.Array(Type.String())),
})
type Principal = 'caller' | 'stranger' | PersonName

/**
 * Which claims Entra puts into which token ('Access token claims reference', Microsoft Learn).
 * @param origin where Entra listens; known once it does
 * @param graphOrigin the same of Graph
 */
export function createTokens(issuers: Issuers, origin: () => string, graphOrigin: () => string) {
  const issuer = issuers.v2
  const v2Issuer = () => `${origin()}/${tenant.id}/v2.0`

  function issuerOf(name: IssuerName): string {
    switch (name) {
      case 'v1':
        return `https://sts.windows.net/${tenant.id}/`
      case 'b2c':
        return `${origin()}/${b2c.tenantId}/v2.0/`
      case 'external-id':
        return `${origin()}/${externalId.tenantId}/v2.0`
      default:
        return v2Issuer()
    }
  }

  return {
    v2Issuer,
    /** `issuer` of the metadata: for many tenants a template. */
    publishedIssuer: (name: IssuerName): string =>
      name === 'multi-tenant' ? `${origin()}/{tenantid}/v2.0` : issuerOf(name),
    /** An app-only token for the API, in the v2 format. */
    async forApi(app: Application, claims: Changes = {}, header: Changes = {}): Promise<string> {
      return await issuer.sign({ iss: v2Issuer(), ...appClaims(app), ...claims }, header)
    },
    /** An app-only token for one of Azure's own resources, which ask for the v1 format. */
    async forAzure(app: Application, resource: string): Promise<string> {
      return await issuer.sign({ iss: issuerOf('v1'), ...toV1(appClaims(app)), aud: resource, roles: undefined })
    },
    /** The token that a request for this resource gets; undefined when the tenant knows no such resource. */
    forResource(app: Application, resource: string, strength?: '1' | '2'): Promise<string> | undefined {
      const proof = strength === undefined ? {} : { azpacr: strength }
      if (resource === api.identifierUri || resource === api.clientId) return this.forApi(app, proof)
      if (resource === graphOrigin()) return this.forGraph(app)
      if (resource === tokenExchange) return this.forAzure(app, resource)
      const isAzure = Object.values(resources).some((known) => known === resource.replace(/\/$/, ''))
      return isAzure ? this.forAzure(app, resource.replace(/\/$/, '')) : undefined
    },
    /** An app-only token for Microsoft Graph, with the permissions that the app was granted there. */
    async forGraph(app: Application): Promise<string> {
      const claims = {
        ...toV1(appClaims(app)),
        aud: graphOrigin(),
        roles: app.grantedRoles[graphClientId],
        tid: app.tenantId,
      }
      return await issuer.sign({ iss: issuerOf('v1'), ...claims })
    },
    /** A delegated token for Microsoft Graph: this application for this person. */
    async forGraphAsUser(app: Application, { objectId, displayName }: Person): Promise<string> {
      const who = { oid: objectId, sub: objectId, name: displayName, tid: tenant.id, appid: app.clientId }
      return await issuer.sign({ iss: issuerOf('v1'), aud: graphOrigin(), scp: 'User.Read', ver: '1.0', ...who })
    },
    /** What tells an application who signed in ('ID token claims reference', Microsoft Learn). */
    async forSignIn(name: IssuerName, clientId: string, as: PersonName, claims: Changes): Promise<string> {
      const { objectId: oid, displayName, mail } = people[as]
      const tid = tenantIdOf(name)
      const who = {
        sub: `pairwise-${oid}-${clientId}`,
        oid,
        tid,
        name: displayName,
        preferred_username: mail,
        login_hint: mail,
      }
      return await issuers[name].sign({ iss: issuerOf(name), aud: clientId, ver: '2.0', ...who, ...claims })
    },
    /** Any token that an issuer of this cloud could sign. */
    async mint(wish: unknown): Promise<string> {
      const { issuer: name = 'v2', as = 'caller', claims = {}, without = [] } = Value.Parse(Wish, wish)
      const left = Object.fromEntries(without.map((claim) => [claim, undefined]))
      return await issuers[name].sign({ iss: issuerOf(name), ...claimsOf(name, as), ...claims, ...left })
    },
  }
}

export type Tokens = ReturnType<typeof createTokens>

export function tenantIdOf(name: IssuerName): string {
  if (name === 'b2c') return b2c.tenantId
  return name === 'external-id' ? externalId.tenantId : tenant.id
}

function claimsOf(name: IssuerName, as: Principal): Changes {
  const claims = as === 'caller' || as === 'stranger' ? appClaims({ caller, stranger }[as]) : personClaims(as)
  switch (name) {
    case 'v1':
      return toV1(claims)
    case 'b2c':
      return toB2c(claims)
    case 'external-id':
      return { ...claims, tid: externalId.tenantId }
    default:
      return claims
  }
}

function appClaims(app: Application): Changes {
  return {
    aud: api.clientId,
    azp: app.clientId,
    azpacr: app.secret === undefined ? '2' : '1',
    oid: app.objectId,
    sub: app.objectId,
    tid: tenant.id,
    roles: app.grantedRoles[api.clientId],
    idtyp: 'app',
    ver: '2.0',
  }
}

function personClaims(as: PersonName): Changes {
  const person: Person = people[as]
  return {
    aud: api.clientId,
    azp: caller.clientId,
    azpacr: '1',
    oid: person.objectId,
    sub: `pairwise-${person.objectId}`,
    tid: tenant.id,
    name: person.displayName,
    scp: 'user_impersonation',
    ver: '2.0',
    ...(as === 'guest' && { acct: 1, idp: `https://sts.windows.net/${homeOfGuest}/` }),
  }
}

function toV1({ azp, azpacr, ...claims }: Changes): Changes {
  return { ...claims, appid: azp, appidacr: azpacr, aud: api.identifierUri, ver: '1.0' }
}

/** An app's granted roles are in `scp`, and its token names neither a tenant nor a policy. */
function toB2c({ azp, sub, scp, roles, oid, name, idtyp }: Changes): Changes {
  const common = { aud: b2c.apiClientId, azp, ver: '1.0' }
  if (idtyp === 'app') return { ...common, sub, scp: Array.isArray(roles) ? roles.join(' ') : undefined }
  return { ...common, sub: oid, oid, name, scp, tfp: b2c.policy, auth_time: Math.floor(Date.now() / 1_000) }
}
