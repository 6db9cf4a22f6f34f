/** How long somebody waits, and whether. */
export interface Deadline {
  /** Milliseconds that are left; none or less when it is over. */
  leftMs(): number
  /** Fires when nobody waits any more. */
  readonly signal: AbortSignal | undefined
}

/** For work that nobody waits for: it has its own bounds alone. */
export const NO_DEADLINE: Deadline = { leftMs: () => Number.POSITIVE_INFINITY, signal: undefined }
