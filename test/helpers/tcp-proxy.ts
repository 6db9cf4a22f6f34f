import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** What the network does with a connection: */
export type Network =
  /** carries every byte; */
  | 'up'
  /** has nobody listening; */
  | 'refuse'
  /** takes the request to the other end, and resets the connection when the answer comes; */
  | 'reset'
  /** takes everything and says nothing, and never again on connections that lost something; */
  | 'black hole'
  /** carries every byte 250 ms late; */
  | 'latency'
  /** takes the request to the other end, and brings back 10 bytes of the answer a second; */
  | 'slow drip'
  /** takes the request to the other end, and says at once that nothing will come back, while it goes on listening. */
  | 'half-close'

const LATENCY_MS = 250
const DRIP_MS = 100
const LISTEN_TRIES = 50
const LISTEN_AGAIN_MS = 100

/** Stands between a client and one address of this machine, below TLS, so that either end can be cut off. */
export async function startTcpProxy(t: { after(fn: () => unknown): void }, target: URL) {
  const pairs = new Set<Pair>()
  let network: Network = 'up'
  let to = target
  const server = createServer({ allowHalfOpen: true }, (client) => {
    const upstream = connect({ port: Number(to.port), host: to.hostname, allowHalfOpen: true })
    const pair = { client, upstream, isLost: false }
    pairs.add(pair)
    client.on('data', (chunk) => onRequest(chunk, pair))
    upstream.on('data', (chunk) => onAnswer(chunk, pair))
    client.on('end', () => upstream.end())
    upstream.on('end', () => pair.isLost || client.end())
    for (const socket of [client, upstream]) socket.on('error', () => undefined)
    client.on('close', () => {
      pairs.delete(pair)
      upstream.destroy()
    })
    // Not `destroy`, which would spoil a reset that is under way: the socket would stay open for ever.
    upstream.on('close', () => pair.isLost || client.destroySoon())
  })

  function onRequest(chunk: Buffer, pair: Pair): void {
    if (isSwallowed(pair)) return
    carry(chunk, pair.upstream)
    if (network === 'half-close') pair.client.end()
  }

  function onAnswer(chunk: Buffer, pair: Pair): void {
    if (isSwallowed(pair)) return
    if (network === 'reset') pair.client.resetAndDestroy()
    else if (network === 'slow drip') drip(chunk, pair)
    else carry(chunk, pair.client)
  }

  function isSwallowed(pair: Pair): boolean {
    pair.isLost ||= network === 'black hole'
    return pair.isLost
  }

  function carry(chunk: Buffer, to: Socket): void {
    if (network === 'latency') setTimeout(() => write(chunk, to), LATENCY_MS)
    else write(chunk, to)
  }

  /** While nobody listened, a connection of somebody else's may have got the port: such a one ends soon. */
  async function listen(port: number): Promise<void> {
    for (let tries = 0; ; tries += 1) {
      server.listen(port, '127.0.0.1')
      try {
        await once(server, 'listening')
        return
      } catch (error) {
        if (tries === LISTEN_TRIES) throw error
        await sleep(LISTEN_AGAIN_MS)
      }
    }
  }

  function cutAll(): void {
    for (const { client } of pairs) client.resetAndDestroy()
  }

  await listen(0)
  const port = Number(Object(server.address()).port)
  t.after(() => {
    server.close()
    for (const { client } of pairs) client.destroy()
  })

  const url = new URL(target)
  url.port = String(port)
  return {
    /** The target's URL by way of this proxy. */
    url: url.href,
    async set(next: Network): Promise<void> {
      const before = network
      network = next
      if (next === 'refuse') server.close()
      if (next === 'refuse' || before === 'slow drip') cutAll()
      if (before === 'refuse' && next !== 'refuse') await listen(port)
    },
    /** Takes further connections to another server than the target, or to the target again. */
    divert(url: URL = target): void {
      to = url
      cutAll()
    },
  }
}

export type TcpProxy = Awaited<ReturnType<typeof startTcpProxy>>

interface Pair {
  client: Socket
  upstream: Socket
  /** Bytes went missing: nothing more can come through. */
  isLost: boolean
}

function write(chunk: Uint8Array, to: Socket): void {
  if (to.writable) to.write(chunk)
}

async function drip(chunk: Buffer, { client, upstream }: Pair): Promise<void> {
  upstream.pause()
  for (const byte of chunk) {
    await sleep(DRIP_MS)
    if (!client.writable) return
    client.write(Uint8Array.of(byte))
  }
  upstream.resume()
}
