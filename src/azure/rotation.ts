/**
 * An item that failed is left alone for so long. Shorter, and a silent queue would cost many callers their patience;
 * longer, and its share would stay with the others after it is back.
 */
const REST_MS = 5_000

/** Takes turns, and leaves those alone for a while that failed. */
export function createRotation<T>(items: readonly T[]) {
  const restsUntilMs = new Map<T, number>()
  let turn = 0

  return {
    /**
     * All items in the order to try them: the one whose turn it is, the next ones, and at last those that rest. One whose
     * rest is over comes first once, and rests on until it succeeds, so that a single caller finds out how it is.
     * @param nowMs milliseconds on any clock
     */
    next(nowMs: number): readonly T[] {
      if (items.length === 1) return items
      const probed = items.find((item) => (restsUntilMs.get(item) ?? Number.POSITIVE_INFINITY) <= nowMs)
      const ready = items.filter((item) => !restsUntilMs.has(item))
      const resting = items.filter((item) => restsUntilMs.has(item) && item !== probed)
      const start = ready.length === 0 ? 0 : turn % ready.length
      turn += 1
      ready.unshift(...ready.splice(start))
      if (probed === undefined) return [...ready, ...resting]
      restsUntilMs.set(probed, nowMs + REST_MS)
      return [probed, ...ready, ...resting]
    },
    succeeded(item: T): void {
      restsUntilMs.delete(item)
    },
    /** @returns false when it rested already */
    failed(item: T, nowMs: number): boolean {
      const isNew = !restsUntilMs.has(item)
      restsUntilMs.set(item, nowMs + REST_MS)
      return isNew
    },
  }
}
