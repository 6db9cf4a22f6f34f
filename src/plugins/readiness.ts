import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { withDeadline } from '../azure/deadline.ts'

/** Probes come from many places at once (load balancers, people); each neighbour is asked at most this often. */
const CHECK_EVERY_MS = 2_000
/** Whoever waits for this service to be ready need not wait for that. */
const CHECK_FAILED_EVERY_MS = 200
const CHECK_TIMEOUT_MS = 3_000
/** What listens first answers that it is alive; loading what calls need would hold that up. */
const WARM_UP_AFTER_MS = 50

/** Rejects while the neighbour cannot be used. The signal fires when nobody waits for the result any more. */
type Check = (signal: AbortSignal) => Promise<unknown>

/** Gathers what the service needs before it can serve, and asks each part how it is. */
function createReadiness(onFailure: (name: string, error: unknown) => void) {
  const checks = new Map<string, () => Promise<boolean>>()
  let isStopping = false

  function add(name: string, check: Check): void {
    let result: Promise<boolean> | undefined
    let expiresAt = Number.NEGATIVE_INFINITY
    checks.set(name, () => {
      if (result === undefined || Date.now() >= expiresAt) {
        expiresAt = Date.now() + CHECK_EVERY_MS
        result = succeeds(check, (error) => {
          expiresAt = Date.now() + CHECK_FAILED_EVERY_MS
          onFailure(name, error)
        })
      }
      return result
    })
  }

  return {
    add,
    /** From now on whoever distributes requests should send them elsewhere. */
    announceStop(): void {
      isStopping = true
    },
    get isStopping(): boolean {
      return isStopping
    },
    /** Every part by its name, and whether it can be used. */
    async report(): Promise<Record<string, boolean>> {
      const entries = [...checks].map(async ([name, check]) => [name, await check()] as const)
      return Object.fromEntries(await Promise.all(entries))
    },
  }
}

async function succeeds(check: Check, onFailure: (error: unknown) => void): Promise<boolean> {
  try {
    await withDeadline(check, CHECK_TIMEOUT_MS)
    return true
  } catch (error) {
    onFailure(error)
    return false
  }
}

declare module 'fastify' {
  interface FastifyInstance {
    readiness: ReturnType<typeof createReadiness>
  }
}

const readiness: FastifyPluginAsync = async (app) => {
  app.decorate(
    'readiness',
    createReadiness((part, error) => app.log.warn({ err: error, part }, 'not ready')),
  )
  // Asking how everything is loads the clients, gets their tokens and opens their connections, before the first caller comes.
  app.addHook('onListen', async () => {
    setTimeout(app.readiness.report, WARM_UP_AFTER_MS).unref()
  })
}

export default fp(readiness, { name: 'readiness', fastify: '5.x' })
