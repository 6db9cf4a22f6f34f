/** Resolves on the first Ctrl+C or request to end; the second one ends the process at once. */
export async function untilStopped(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  let stopping = false
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      if (stopping) process.exit(130)
      stopping = true
      resolve()
    })
  }
  await promise
}
