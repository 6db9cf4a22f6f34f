import type { Pool } from 'undici'
import { type Answer, type ExchangeOptions, exchange } from './exchange.ts'

/**
 * One request at a time on each. A third of the requests that an endpoint works on at the same time (120): who is let in
 * waits no longer than two others take. A dozen is enough for a neighbour that answers within milliseconds.
 */
const CONNECTIONS = 40
/** A connection that is older gives way to a new one: so long a changed DNS entry may go unnoticed. */
const CONNECTION_LIFE_MS = 60_000
/** Shorter than Azure's own, and long enough to spare the next caller a TLS handshake. A server's hint goes first. */
const KEEP_ALIVE_MS = 30_000

/**
 * Keep-alive connections to one origin, opened, and undici loaded, with the first request.
 * @param connectTimeoutMs milliseconds to open one
 */
export function createConnections(origin: string, connectTimeoutMs: number) {
  let pool: Promise<Pool> | undefined

  async function open(): Promise<Pool> {
    const undici = await import('undici')
    return new undici.Pool(origin, {
      connections: CONNECTIONS,
      clientTtl: CONNECTION_LIFE_MS,
      keepAliveTimeout: KEEP_ALIVE_MS,
      connect: { timeout: connectTimeoutMs },
      // Over HTTP/2 all requests would share one connection, and the first ones would wait for the choice.
      allowH2: false,
      // The time of an exchange is bounded as a whole.
      headersTimeout: 0,
      bodyTimeout: 0,
    })
  }

  return {
    /** As `exchange` in exchange.ts. */
    async exchange(options: ExchangeOptions): Promise<Answer> {
      pool ??= open()
      return await exchange(await pool, options)
    },
    /** Resolves when what is under way has ended. */
    async close(): Promise<void> {
      const opened = await pool
      if (opened !== undefined && !opened.closed) await opened.close()
    },
  }
}
