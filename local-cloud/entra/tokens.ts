import { type Application, api, resources, tenant } from '../directory.ts'
import type { Changes, Issuer } from './issuer.ts'

/**
 * Which claims Entra puts into which token ('Access token claims reference', Microsoft Learn).
 * @param origin where Entra listens; known once it does
 */
export function createTokens(issuer: Issuer, origin: () => string) {
  const v2Issuer = () => `${origin()}/${tenant.id}/v2.0`

  return {
    v2Issuer,
    /** An app-only token for the API, in the v2 format. */
    async forApi(app: Application, claims: Changes = {}, header: Changes = {}): Promise<string> {
      const roles = app.grantedRoles[api.clientId]
      return await issuer.sign(
        {
          aud: api.clientId,
          iss: v2Issuer(),
          azp: app.clientId,
          azpacr: app.secret === undefined ? '2' : '1',
          oid: app.objectId,
          sub: app.objectId,
          tid: tenant.id,
          roles,
          idtyp: 'app',
          ver: '2.0',
          ...claims,
        },
        header,
      )
    },
    /** An app-only token for one of Azure's own resources, which ask for the v1 format. */
    async forAzure(app: Application, resource: string): Promise<string> {
      return await issuer.sign({
        aud: resource,
        iss: `https://sts.windows.net/${tenant.id}/`,
        appid: app.clientId,
        appidacr: app.secret === undefined ? '2' : '1',
        oid: app.objectId,
        sub: app.objectId,
        tid: tenant.id,
        idtyp: 'app',
        ver: '1.0',
      })
    },
    /** The token that a request for this resource gets; undefined when the tenant knows no such resource. */
    forResource(app: Application, resource: string): Promise<string> | undefined {
      if (resource === api.identifierUri || resource === api.clientId) return this.forApi(app)
      const isAzure = Object.values(resources).some((known) => known === resource.replace(/\/$/, ''))
      return isAzure ? this.forAzure(app, resource.replace(/\/$/, '')) : undefined
    },
  }
}

export type Tokens = ReturnType<typeof createTokens>
