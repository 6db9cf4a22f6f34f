/** How long somebody waits, and whether. */
export interface Deadline {
  /** Milliseconds that are left; none or less when it is over. */
  leftMs(): number
  /** Fires when nobody waits any more. */
  readonly signal: AbortSignal | undefined
}

/** For work that nobody waits for: it has its own bounds alone. */
export const NO_DEADLINE: Deadline = { leftMs: () => Number.POSITIVE_INFINITY, signal: undefined }

/**
 * Runs `work` with a signal that fires after `timeoutMs`, and rejects then even when `work` does not heed it, as the SDKs do
 * not while they wait for a token.
 * @throws {Error} with the code `ETIMEDOUT`, or whatever `work` rejects with
 */
export async function withDeadline<T>(work: (signal: AbortSignal) => Promise<T>, timeoutMs: number): Promise<T> {
  const signal = AbortSignal.timeout(timeoutMs)
  const deadline = Promise.withResolvers<never>()
  const giveUp = () =>
    deadline.reject(Object.assign(new Error(`no answer within ${timeoutMs} ms`), { code: 'ETIMEDOUT' }))
  signal.addEventListener('abort', giveUp, { once: true })
  try {
    return await Promise.race([work(signal), deadline.promise])
  } finally {
    signal.removeEventListener('abort', giveUp)
  }
}
