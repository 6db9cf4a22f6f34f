import { type LocalCloud, startLocalCloud } from '../../local-cloud/cloud.ts'
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts'

export const neighbours = ['Entra', 'managed identity', 'Key Vault', 'queue', 'table', 'number API', 'Graph'] as const
export type Neighbour = (typeof neighbours)[number]

export interface ProxiedCloud {
  cloud: LocalCloud
  /** What stands before each neighbour. */
  proxies: Readonly<Record<Neighbour, TcpProxy>>
  /** The environment of a service that reaches every neighbour through its proxy. */
  env: LocalCloud['serviceEnv']
}

/** A local cloud of its own, each part of it behind a proxy. */
export async function startProxiedCloud(t: { after(fn: () => unknown): void }): Promise<ProxiedCloud> {
  const cloud = await startLocalCloud()
  t.after(() => cloud.stop())
  const { origins, serviceEnv } = cloud
  const before = (url: string) => startTcpProxy(t, new URL(url))
  const proxies = {
    Entra: await before(origins.entra),
    'managed identity': await before(serviceEnv.IDENTITY_ENDPOINT),
    'Key Vault': await before(origins.keyVault),
    queue: await before(serviceEnv.STORAGE_QUEUE_URL),
    table: await before(serviceEnv.CODES_TABLE_URL),
    'number API': await before(serviceEnv.THIRD_PARTY_API_ENDPOINT),
    Graph: await before(origins.graph),
  }
  // Tokens name these two, and Entra's metadata where the keys are.
  origins.entra = new URL(proxies.Entra.url).origin
  origins.graph = new URL(proxies.Graph.url).origin
  return {
    cloud,
    proxies,
    env: {
      ...serviceEnv,
      ENTRA_AUTHORITY_HOST: origins.entra,
      B2C_AUTHORITY_HOST: origins.entra,
      GRAPH_BASE_URL: origins.graph,
      IDENTITY_ENDPOINT: proxies['managed identity'].url,
      KEY_VAULT_URL: proxies['Key Vault'].url,
      STORAGE_QUEUE_URL: proxies.queue.url,
      CODES_TABLE_URL: proxies.table.url,
      THIRD_PARTY_API_ENDPOINT: proxies['number API'].url,
    },
  }
}
