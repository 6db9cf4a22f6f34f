import { managedIdentity, resources } from '../../local-cloud/directory.ts'
import type { Part } from '../../local-cloud/faults.ts'
import type { Neighbour, ProxiedCloud } from '../helpers/proxied-cloud.ts'
import { startRecorder } from '../helpers/recorder.ts'
import type { Network } from '../helpers/tcp-proxy.ts'

const PARTS: Readonly<Partial<Record<Neighbour, Part>>> = {
  Entra: 'entra',
  'managed identity': 'managedIdentity',
  'Key Vault': 'keyVault',
  'number API': 'numberApi',
  Graph: 'graph',
}

interface Answer {
  status: number
  headers?: Record<string, string>
  body: string
}

const JSON_TYPE = { 'content-type': 'application/json' }

export type FaultName =
  | Exclude<Network, 'up'>
  | 'status 429'
  | 'status 500'
  | 'nonsense'
  | 'expired tokens'
  | 'rotated keys'
  | 'rotated and refuse'
  | 'rotated secrets'
  | 'clock 30 s ahead'
  | 'clock 1 h ahead'
  | 'clock 2 h behind'

/** Switches the faults of one neighbour of a cloud on and off. */
export async function createFaultSwitch(
  t: { after(fn: () => unknown): void },
  { cloud, proxies }: ProxiedCloud,
  neighbour: Neighbour,
) {
  const proxy = proxies[neighbour]
  /** Answers in the place of storage, which has no switches of its own. */
  const stand = await startRecorder(t, cloud)

  function answer({ status, headers = {}, body }: Answer): void {
    const part = PARTS[neighbour]
    if (part !== undefined) {
      cloud.faults.set(part, { answer: { status, headers, body } })
      return
    }
    stand.answer((response) => response.writeHead(status, headers).end(body))
    proxy.divert(new URL(stand.origin))
  }

  const faults: Readonly<Record<FaultName, () => unknown>> = {
    refuse: () => proxy.set('refuse'),
    reset: () => proxy.set('reset'),
    'black hole': () => proxy.set('black hole'),
    latency: () => proxy.set('latency'),
    'slow drip': () => proxy.set('slow drip'),
    'half-close': () => proxy.set('half-close'),
    'status 429': () => answer({ status: 429, headers: { 'retry-after': '1' }, body: 'Too Many Requests' }),
    'status 500': () => answer({ status: 500, body: 'Internal Server Error' }),
    nonsense: () => answer({ status: 200, headers: JSON_TYPE, body: '{"<html>": [' }),
    async 'expired tokens'() {
      const exp = Math.floor(Date.now() / 1_000) - 60
      const token = await cloud.issuer.sign({ aud: resources.keyVault, oid: managedIdentity.objectId, exp })
      const body = JSON.stringify({ access_token: token, expires_on: String(exp), token_type: 'Bearer' })
      answer({ status: 200, headers: JSON_TYPE, body })
    },
    'rotated keys': () => cloud.issuer.rotateKeys(),
    async 'rotated and refuse'() {
      await cloud.issuer.rotateKeys()
      await proxy.set('refuse')
    },
    'rotated secrets'() {
      cloud.rotateNumberApiKey()
      cloud.rotateApiSecret()
    },
    'clock 30 s ahead': () => cloud.clock.setOffset(30),
    'clock 1 h ahead': () => cloud.clock.setOffset(3_600),
    'clock 2 h behind': () => cloud.clock.setOffset(-7_200),
  }

  return {
    on: async (fault: FaultName) => await faults[fault](),
    async off(): Promise<void> {
      await proxy.set('up')
      cloud.faults.clear()
      cloud.clock.setOffset(0)
      if (PARTS[neighbour] === undefined) proxy.divert()
    },
  }
}
