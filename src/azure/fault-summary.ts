/**
 * What is safe to log of an error from an Azure client. The error itself is not: it holds the request with its
 * `authorization` header.
 */
export function summarizeFault(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error))
  const status = 'statusCode' in error ? `, status ${String(error.statusCode)}` : ''
  const code = 'code' in error ? `, code ${String(error.code)}` : ''
  const summary = new Error(`${error.name}${code}${status}: ${error.message.split('\n')[0]}`)
  if (error.stack !== undefined) summary.stack = error.stack
  return summary
}
