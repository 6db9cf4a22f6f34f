/** The time as the local cloud sees it; tests move it away from the machine's. */
export function createClock() {
  let offsetSeconds = 0
  return {
    nowSeconds: () => Math.floor(Date.now() / 1_000) + offsetSeconds,
    /** @param seconds ahead of the machine's clock; negative lags behind */
    setOffset(seconds: number): void {
      offsetSeconds = seconds
    },
  }
}

export type Clock = ReturnType<typeof createClock>
