import type { JWTPayload } from 'jose'
import { applications, b2cPeople, findPerson } from './directory.ts'
import type { Issuer } from './entra/issuer.ts'
import type { Server } from './server.ts'

/** `/me`, `/users/{id}` and `/servicePrincipals(appId='…')` of Microsoft Graph v1.0, with its token and permission checks. */
export async function registerGraph(app: Server, issuer: Issuer, origin: () => string): Promise<void> {
  const callers = new WeakMap<object, JWTPayload>()

  app.addHook('onRequest', async (request, reply) => {
    const token = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? ''
    const claims = await issuer.verify(token, origin()).catch(() => undefined)
    if (claims === undefined)
      return reply.code(401).send(fault('InvalidAuthenticationToken', 'Access token validation failure.'))
    callers.set(request, claims)
    return undefined
  })

  app.get('/v1.0/me', async (request, reply) => {
    const claims = callers.get(request)
    if (!has(claims?.['scp'], 'User.Read')) return reply.code(403).send(denied)
    const person = findPerson(claims?.['oid'])
    if (person === undefined) return reply.code(404).send(missing)
    const { objectId: id, displayName, mail } = person
    return {
      '@odata.context': `${origin()}/v1.0/$metadata#users/$entity`,
      id,
      displayName,
      mail,
      userPrincipalName: mail,
    }
  })

  app.get<{ Params: { id: string } }>('/v1.0/users/:id', async (request, reply) => {
    if (!has(callers.get(request)?.['roles'], 'User.Read.All')) return reply.code(403).send(denied)
    const person = b2cPeople.find(({ objectId }) => objectId === request.params.id)
    return person ? { id: person.objectId, displayName: person.displayName } : reply.code(404).send(missing)
  })

  app.get('/v1.0/servicePrincipals*', async (request, reply) => {
    const claims = callers.get(request)
    if (!has(claims?.['roles'], 'Application.Read.All')) return reply.code(403).send(denied)
    const appId = /servicePrincipals\(appId='([^']+)'\)/.exec(decodeURIComponent(request.url))?.[1]
    const found = applications.find((known) => known.clientId === appId && known.tenantId === claims?.['tid'])
    return found ? { id: found.objectId, appId, displayName: found.displayName } : reply.code(404).send(missing)
  })
}

function has(granted: unknown, permission: string): boolean {
  const permissions: unknown[] =
    typeof granted === 'string' ? granted.split(' ') : Array.isArray(granted) ? granted : []
  return permissions.includes(permission)
}

function fault(code: string, message: string) {
  return { error: { code, message } }
}

const denied = fault('Authorization_RequestDenied', 'Insufficient privileges to complete the operation.')
const missing = fault('Request_ResourceNotFound', 'Resource does not exist.')
