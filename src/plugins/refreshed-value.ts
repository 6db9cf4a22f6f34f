import { AsyncLocalStorage } from 'node:async_hooks'
import { withDeadline } from '../azure/deadline.ts'

/** A failed load is tried again after 1 s, 2 s, 4 s, and then every 5 s: recovery within seconds, without a storm. */
const FIRST_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 5_000

export interface RefreshedValueOptions<T> {
  /** Fetches the value anew. Must end when the signal fires. */
  load: (signal: AbortSignal) => Promise<T>
  /** Milliseconds after which one load is given up. */
  loadTimeoutMs: number
  /** Milliseconds between a successful load and the next one in the background. */
  refreshEveryMs: number
  /** Told of every failed load, also of those that nobody waits for. */
  onFailure: (error: unknown) => void
  /** Milliseconds since the epoch. */
  now?: () => number
}

/**
 * A value from elsewhere that is kept in memory and refreshed in the background: one load in flight at a time, the last
 * good value stays while loads fail, and a failed load is repeated until one succeeds.
 */
export function createRefreshedValue<T>(options: RefreshedValueOptions<T>) {
  const now = options.now ?? Date.now
  let current: { value: T; loadedAtMs: number } | undefined
  let inFlight: Promise<T> | undefined
  let failures = 0
  let timer: NodeJS.Timeout | undefined
  const loads = { ok: 0, failed: 0 }
  // What goes on in the background is part of no request, though a request may have begun it.
  const outsideOfRequests = AsyncLocalStorage.snapshot()
  let stopped = false

  async function load(): Promise<T> {
    try {
      const value = await withDeadline(options.load, options.loadTimeoutMs)
      current = { value, loadedAtMs: now() }
      failures = 0
      loads.ok += 1
      return value
    } catch (error) {
      failures += 1
      loads.failed += 1
      options.onFailure(error)
      throw error
    } finally {
      inFlight = undefined
      scheduleNext()
    }
  }

  function scheduleNext(): void {
    clearTimeout(timer)
    if (stopped) return
    const delayMs =
      failures === 0 ? options.refreshEveryMs : Math.min(FIRST_RETRY_MS * 2 ** (failures - 1), LONGEST_RETRY_MS)
    timer = outsideOfRequests(() => setTimeout(refreshInBackground, delayMs).unref())
  }

  /** Loads now, or joins the load that is in flight. Rejects with that load's error. */
  function refresh(): Promise<T> {
    inFlight ??= load()
    return inFlight
  }

  /** `onFailure` has been told of the error by the time it arrives here. */
  function refreshInBackground(): void {
    refresh().catch(() => undefined)
  }

  return {
    refresh,
    refreshInBackground,
    stop(): void {
      stopped = true
      clearTimeout(timer)
    },
    /** The last good value, however old; undefined before the first. */
    get value(): T | undefined {
      return current?.value
    },
    /** When the last load succeeded, by the clock `now`; infinitely long ago before the first. */
    get loadedAtMs(): number {
      return current === undefined ? Number.NEGATIVE_INFINITY : current.loadedAtMs
    },
    /** Whether the latest load failed. */
    get isFailing(): boolean {
      return failures > 0
    },
    get isLoading(): boolean {
      return inFlight !== undefined
    },
    /** How many loads there have been, by how they ended. */
    loads: loads as Readonly<typeof loads>,
  }
}

export type RefreshedValue<T> = ReturnType<typeof createRefreshedValue<T>>
