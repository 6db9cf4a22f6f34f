/** An error for people at a terminal: what failed, and under it why. */
export function explainError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message}\n  ${explainError(error.cause)}`
}
