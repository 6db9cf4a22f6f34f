import type { Pool } from 'undici'
import { type Answer, type ExchangeOptions, exchange } from './exchange.ts'
import { once } from './once.ts'

/**
 * One request at a time on each. A third of the requests that an endpoint works on at the same time (120): who is let in
 * waits no longer than two others take. A dozen is enough for a neighbour that answers within milliseconds.
 */
const CONNECTIONS = 40
/** Then new ones take over: so long a changed DNS entry may go unnoticed. */
const CONNECTIONS_LIVE_MS = 60_000
/** Shorter than Azure's own, and long enough to spare the next caller a TLS handshake. A server's hint goes first. */
const KEEP_ALIVE_MS = 30_000

/**
 * Keep-alive connections to one origin, opened, and undici loaded, with the first request.
 * @param connectTimeoutMs milliseconds to open one
 */
export function createConnections(origin: string, connectTimeoutMs: number) {
  let openPool: (() => Pool) | undefined
  let pool: Pool | undefined
  let openedAtMs = 0
  const closing = new Set<Promise<void>>()

  const load = once(async () => {
    const [{ buildConnector, Pool }, { createSecureContext }] = await Promise.all([
      import('undici'),
      import('node:tls'),
    ])
    // One for all connections: making it takes half of the time of opening a connection.
    const secureContext = createSecureContext()
    const options: Pool.Options = {
      connections: CONNECTIONS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      // Shared by all pools, so that new connections go on with the TLS sessions of the old ones.
      connect: buildConnector({ timeout: connectTimeoutMs, allowH2: false, secureContext }),
      // Over HTTP/2 all requests would share one connection, and the first ones would wait for the choice.
      allowH2: false,
      // The time of an exchange is bounded as a whole.
      headersTimeout: 0,
      bodyTimeout: 0,
    }
    openPool = () => new Pool(origin, options)
    return openPool
  })

  /** undici's own bound, `clientTtl`, looks at the clock for each busy connection of a pool at each request. */
  function poolInUse(open: () => Pool): Pool {
    const nowMs = Date.now()
    if (pool !== undefined && nowMs - openedAtMs < CONNECTIONS_LIVE_MS) return pool
    if (pool !== undefined) retire(pool)
    openedAtMs = nowMs
    pool = open()
    return pool
  }

  /** Its connections end with the exchanges that are under way. */
  function retire(old: Pool): void {
    if (old.closed) return
    const closed = old.close().finally(() => closing.delete(closed))
    closing.add(closed)
  }

  return {
    /** As `exchange` in exchange.ts. */
    exchange(options: ExchangeOptions): Promise<Answer> {
      return openPool === undefined
        ? load().then((open) => exchange(poolInUse(open), options))
        : exchange(poolInUse(openPool), options)
    },
    /** Resolves when what is under way has ended. */
    async close(): Promise<void> {
      if (pool !== undefined) retire(pool)
      await Promise.all(closing)
    },
  }
}
