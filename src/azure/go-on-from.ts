/**
 * For a library that repeats what fails, and is asked only once something has failed: its first call gets what was begun
 * already, if anything was, and each further one begins anew.
 */
export function goOnFrom<T, Arguments extends unknown[]>(
  begun: Promise<T> | undefined,
  begin: (...given: Arguments) => Promise<T>,
): (...given: Arguments) => Promise<T> {
  let first = begun
  return (...given) => {
    const outcome = first ?? begin(...given)
    first = undefined
    return outcome
  }
}
