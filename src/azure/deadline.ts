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
 * Runs `work` with a signal that fires after `leftMs`, and rejects then even when `work` does not heed it, as the SDKs do
 * not while they wait for a token. Once `work` has ended the signal does not fire any more.
 * @param wholeMs milliseconds that the error names, where some of them are over already
 * @throws {Error} with the code `ETIMEDOUT`, or whatever `work` rejects with
 */
export async function withDeadline<T>(
  work: (signal: AbortSignal) => Promise<T>,
  leftMs: number,
  wholeMs = leftMs,
): Promise<T> {
  const controller = new AbortController()
  const deadline = Promise.withResolvers<never>()
  // What goes on in the background holds up no process that is about to end.
  const timer = setTimeout(() => {
    const error = Object.assign(new Error(`no answer within ${wholeMs} ms`), { code: 'ETIMEDOUT' })
    deadline.reject(error)
    controller.abort(error)
  }, leftMs).unref()
  try {
    return await Promise.race([work(controller.signal), deadline.promise])
  } finally {
    clearTimeout(timer)
  }
}
