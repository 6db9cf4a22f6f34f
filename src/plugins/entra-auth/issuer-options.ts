import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { createTenantCheck, type TenantCheck } from './tenant-check.ts'

/** Settings that every kind of issuer has. */
interface ApiOptions {
  /** Client id of this API's app registration with that issuer. It and `api://<client id>` are accepted as `aud`. */
  clientId: string
  /** Further accepted values of `aud`, compared whole. */
  audiences?: readonly string[] | undefined
}

/** One Entra tenant, in the public cloud or a sovereign one. */
interface EntraTenantOptions extends ApiOptions {
  kind: 'entra'
  /** GUID of the tenant. */
  tenantId: string
  /** Default `https://login.microsoftonline.com`. Sovereign clouds: 'National clouds', Microsoft Learn. */
  authorityHost?: string | undefined
  /**
   * Which tokens are accepted: `v2.0` (default), or `v1.0` (`sts.windows.net`), which is what an API gets whose app
   * registration leaves `requestedAccessTokenVersion` unset. Trust both with two issuers.
   */
  version?: 'v1.0' | 'v2.0' | undefined
}

/** Many Entra tenants through one shared key set ('Convert single-tenant app to multitenant', Microsoft Learn). */
interface MultiTenantOptions extends ApiOptions {
  kind: 'multi-tenant'
  /** `organizations` (default) or `common`, which has personal Microsoft accounts too. */
  audience?: 'organizations' | 'common' | undefined
  /**
   * Which tenants may call: their GUIDs, or a function of the `tid` that says so. Its answers are kept for five minutes,
   * for 1,000 tenants at most; when it rejects, the caller gets 503.
   */
  allowedTenants: readonly string[] | ((tenantId: string) => boolean | Promise<boolean>)
  authorityHost?: string | undefined
}

/** An Azure AD B2C tenant, with the policies (user flows or custom policies) whose tokens are accepted. */
interface B2cOptions extends ApiOptions {
  kind: 'b2c'
  /** `contoso` of `contoso.onmicrosoft.com`. */
  tenantName: string
  /** Such as `B2C_1_signin`. */
  policies: readonly string[]
  /** Default `https://<tenantName>.b2clogin.com`. */
  authorityHost?: string | undefined
}

/** A Microsoft Entra External ID tenant. Its issuer, from the metadata, has the tenant's GUID as its host. */
interface ExternalIdOptions extends ApiOptions {
  kind: 'external-id'
  /** `contoso` of `contoso.ciamlogin.com`. */
  tenantName: string
  /** GUID of the tenant. */
  tenantId: string
  /** Default `https://<tenantName>.ciamlogin.com`. */
  authorityHost?: string | undefined
}

/** Whose tokens are accepted. */
export type IssuerOptions = EntraTenantOptions | MultiTenantOptions | B2cOptions | ExternalIdOptions

/** What the validation needs to know of one metadata document's issuer. */
export interface IssuerSettings {
  kind: IssuerOptions['kind']
  /** For people: in logs and in the doctor's report. */
  name: string
  metadataUrl: string
  audiences: ReadonlySet<string>
  /** `ver` of its tokens; undefined where it says nothing (B2C writes 1.0 into tokens of a v2.0 issuer). */
  tokenVersion?: '1.0' | '2.0'
  /** Set where the metadata has a template for the issuer: which `tid` may fill it. */
  tenantCheck?: TenantCheck
  /** B2C policies whose tokens are accepted, in lower case. */
  policies?: ReadonlySet<string>
}

const Guid = Type.String({ pattern: '^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$' })
const Text = Type.String({ minLength: 1 })
const Host = Type.String({ pattern: '^https://[^/?#@]+/?$' })
const api = { clientId: Guid, audiences: Type.Optional(Type.Array(Text)), authorityHost: Type.Optional(Host) }
const closed = { additionalProperties: false }

const Schemas = {
  entra: Type.Object(
    { kind: Type.Literal('entra'), tenantId: Guid, version: Type.Optional(Type.Enum(['v1.0', 'v2.0'])), ...api },
    closed,
  ),
  'multi-tenant': Type.Object(
    {
      kind: Type.Literal('multi-tenant'),
      audience: Type.Optional(Type.Enum(['organizations', 'common'])),
      allowedTenants: Type.Unknown(),
      ...api,
    },
    closed,
  ),
  b2c: Type.Object(
    { kind: Type.Literal('b2c'), tenantName: Text, policies: Type.Array(Text, { minItems: 1 }), ...api },
    closed,
  ),
  'external-id': Type.Object({ kind: Type.Literal('external-id'), tenantName: Text, tenantId: Guid, ...api }, closed),
}

/**
 * @throws {TypeError} naming the option at fault, at registration
 */
export function readIssuerOptions(issuers: readonly IssuerOptions[]): IssuerSettings[] {
  if (!Array.isArray(issuers) || issuers.length === 0) {
    throw new TypeError('entra-auth: options.issuers must name at least one issuer whose tokens are accepted')
  }
  return issuers.flatMap((issuer, index) => {
    assertIssuerOptions(issuer, `entra-auth: options.issuers[${index}]`)
    return toSettings(issuer)
  })
}

function assertIssuerOptions(issuer: IssuerOptions, where: string): void {
  const schema = Object.hasOwn(Schemas, issuer?.kind) ? Schemas[issuer.kind] : undefined
  if (schema === undefined) throw new TypeError(`${where}.kind must be one of ${Object.keys(Schemas).join(', ')}`)
  const [fault] = Value.Errors(schema, issuer)
  if (fault !== undefined) throw new TypeError(`${where}${fault.instancePath.replaceAll('/', '.')} ${fault.message}`)
  if (issuer.kind === 'multi-tenant' && typeof issuer.allowedTenants !== 'function') {
    const isList = Value.Check(Type.Array(Guid, { minItems: 1 }), issuer.allowedTenants)
    if (!isList) throw new TypeError(`${where}.allowedTenants must be a list of tenant GUIDs, not empty, or a function`)
  }
}

function toSettings(issuer: IssuerOptions): IssuerSettings[] {
  const clientId = issuer.clientId.toLowerCase()
  const audiences = new Set([clientId, `api://${clientId}`, ...(issuer.audiences ?? [])])
  const host = (fallback: string) => (issuer.authorityHost ?? fallback).replace(/\/$/, '')
  switch (issuer.kind) {
    case 'entra': {
      const tenant = `${host('https://login.microsoftonline.com')}/${issuer.tenantId.toLowerCase()}`
      const version = issuer.version ?? 'v2.0'
      return [
        {
          kind: 'entra',
          name: `Entra tenant ${issuer.tenantId}, ${version}`,
          metadataUrl: version === 'v2.0' ? wellKnown(`${tenant}/v2.0`) : wellKnown(tenant),
          audiences,
          tokenVersion: version === 'v2.0' ? '2.0' : '1.0',
        },
      ]
    }
    case 'multi-tenant': {
      const audience = issuer.audience ?? 'organizations'
      return [
        {
          kind: 'multi-tenant',
          name: `Entra tenants (${audience})`,
          metadataUrl: wellKnown(`${host('https://login.microsoftonline.com')}/${audience}/v2.0`),
          audiences,
          tokenVersion: '2.0',
          tenantCheck: createTenantCheck(issuer.allowedTenants),
        },
      ]
    }
    case 'b2c': {
      const tenant = `${host(`https://${issuer.tenantName}.b2clogin.com`)}/${issuer.tenantName}.onmicrosoft.com`
      const policies = new Set(issuer.policies.map((policy) => policy.toLowerCase()))
      return issuer.policies.map((policy) => ({
        kind: 'b2c',
        name: `B2C ${issuer.tenantName}, ${policy}`,
        metadataUrl: wellKnown(`${tenant}/${policy}/v2.0`),
        audiences,
        policies,
      }))
    }
    case 'external-id': {
      const tenant = `${host(`https://${issuer.tenantName}.ciamlogin.com`)}/${issuer.tenantId.toLowerCase()}`
      const name = `External ID ${issuer.tenantName}`
      return [{ kind: 'external-id', name, metadataUrl: wellKnown(`${tenant}/v2.0`), audiences, tokenVersion: '2.0' }]
    }
  }
}

/** OpenID Connect Discovery 1.0, section 4. */
function wellKnown(base: string): string {
  return `${base}/.well-known/openid-configuration`
}
