import { LRUCache } from 'lru-cache'
import { UnavailableError } from '../../errors.ts'

/** Whether tokens of this tenant are accepted. */
export type TenantCheck = (tenantId: string) => boolean | Promise<boolean>

/** A tenant that was let in or shut out is noticed within this time. */
const KEEP_MS = 5 * 60 * 1_000
const MAX_TENANTS = 1_000

/**
 * @param allowed the GUIDs of the tenants, or a function that is asked; its answers are kept for five minutes
 * @returns rejects with a 503 when the function does
 */
export function createTenantCheck(allowed: readonly string[] | TenantCheck): TenantCheck {
  if (typeof allowed !== 'function') {
    const tenants = new Set(allowed.map((tenantId) => tenantId.toLowerCase()))
    return (tenantId) => tenants.has(tenantId.toLowerCase())
  }
  const answers = new LRUCache<string, { isAllowed: boolean }>({
    max: MAX_TENANTS,
    ttl: KEEP_MS,
    fetchMethod: async (tenantId) => ({ isAllowed: (await allowed(tenantId)) === true }),
  })
  return async (tenantId) => {
    const answer = await answers.fetch(tenantId.toLowerCase()).catch((cause: unknown) => {
      throw new UnavailableError('tenants_unavailable', 'Whether this tenant may call cannot be found out just now.', {
        cause,
      })
    })
    return answer?.isAllowed ?? false
  }
}
