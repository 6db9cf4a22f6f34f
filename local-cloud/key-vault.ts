import { randomUUID } from 'node:crypto'
import { resources, secretReaders, tenant } from './directory.ts'
import type { Issuer } from './entra/issuer.ts'
import type { Server } from './server.ts'

interface SecretVersion {
  value: string
  version: string
  created: number
}

/** Secrets with their versions, newest last. */
export function createSecrets(initial: Readonly<Record<string, string>>) {
  const secrets = new Map<string, SecretVersion[]>()

  function set(name: string, value: string): void {
    const version = { value, version: randomUUID().replaceAll('-', ''), created: Math.floor(Date.now() / 1_000) }
    secrets.set(name.toLowerCase(), [...(secrets.get(name.toLowerCase()) ?? []), version])
  }

  for (const [name, value] of Object.entries(initial)) set(name, value)
  return {
    set,
    /** @param version the newest when absent */
    get(name: string, version?: string): SecretVersion | undefined {
      const versions = secrets.get(name.toLowerCase())
      return version ? versions?.find((candidate) => candidate.version === version) : versions?.at(-1)
    },
  }
}

export type Secrets = ReturnType<typeof createSecrets>

/** `GET /secrets/{name}/{version}` of the Key Vault REST API, behind its authentication challenge. */
export async function registerKeyVault(
  app: Server,
  {
    issuer,
    secrets,
    authority,
    origin,
  }: { issuer: Issuer; secrets: Secrets; authority: () => string; origin: () => string },
): Promise<void> {
  app.addHook('onRequest', async (request, reply) => {
    const principal = await identify(request.headers.authorization, issuer)
    if (principal === undefined) {
      const challenge = `Bearer authorization="${authority()}/${tenant.id}", resource="${resources.keyVault}"`
      return reply
        .code(401)
        .header('www-authenticate', challenge)
        .send(error('Unauthorized', 'The request needs a token.'))
    }
    if (!secretReaders.has(principal)) {
      return reply.code(403).send(error('Forbidden', 'Caller is not authorized to perform action on resource.'))
    }
    return undefined
  })

  app.get<{ Params: { name: string; version?: string } }>('/secrets/:name/:version?', async (request, reply) => {
    const { name, version } = request.params
    const secret = secrets.get(name, version)
    if (secret === undefined) {
      return reply
        .code(404)
        .send(error('SecretNotFound', `A secret with (name/id) ${name} was not found in this key vault.`))
    }
    const { value, created } = secret
    const attributes = { enabled: true, created, updated: created, recoveryLevel: 'Recoverable+Purgeable' }
    return { value, id: `${origin()}/secrets/${name}/${secret.version}`, attributes }
  })
}

/** The object id of whoever holds a token for Key Vault; undefined without a valid one. */
async function identify(authorization: string | undefined, issuer: Issuer): Promise<string | undefined> {
  const token = /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1]
  if (token === undefined) return undefined
  try {
    const { oid } = await issuer.verify(token, resources.keyVault)
    return typeof oid === 'string' ? oid : undefined
  } catch {
    return undefined
  }
}

function error(code: string, message: string) {
  return { error: { code, message } }
}
