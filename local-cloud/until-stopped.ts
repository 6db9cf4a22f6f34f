/** npm hands on what the terminal has sent to all: with it, each Ctrl+C comes twice. */
const SAME_SIGNAL_WITHIN_MS = 100

/** Resolves on the first Ctrl+C or request to end; the second one ends the process at once. */
export async function untilStopped(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let stoppingSinceMs: number | undefined
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      stoppingSinceMs ??= performance.now()
      if (performance.now() - stoppingSinceMs > SAME_SIGNAL_WITHIN_MS) process.exit(130)
      resolve()
    })
  }
  await promise
}
