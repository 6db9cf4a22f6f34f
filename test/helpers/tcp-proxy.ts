import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'

/**
 * What the network does: carries bytes; refuses connections and resets those that are open; or takes connections and says
 * nothing.
 */
export type Network = 'up' | 'refusing' | 'silent'

/** Stands between a client and one address of this machine, below TLS, so that either end can be cut off. */
export async function startTcpProxy(t: { after(fn: () => unknown): void }, target: URL) {
  const sockets = new Set<Socket>()
  let network: Network = 'up'
  const server = createServer((client) => {
    const upstream = connect(Number(target.port), target.hostname)
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from.on('data', (chunk) => {
        if (network === 'up') to.write(chunk)
      })
      from.on('error', () => to.destroy())
      from.on('close', () => {
        sockets.delete(from)
        to.destroy()
      })
    }
    if (network === 'refusing') client.resetAndDestroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })

  const url = new URL(target)
  url.port = String(Object(server.address()).port)
  return {
    /** The target's URL by way of this proxy. */
    url: url.href,
    set(next: Network): void {
      network = next
      // What was lost while the network was silent stays lost: those connections cannot go on.
      for (const socket of sockets) if (next !== 'silent') socket.resetAndDestroy()
    },
  }
}
