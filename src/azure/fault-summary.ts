/**
 * What is safe to log of an error from an Azure client. The error itself is not: it holds the request with its
 * `authorization` header, and its text can have the whole body of an answer that could not be read, such as a secret.
 */
export function summarizeFault(error: unknown): Error {
  if (!(error instanceof Error)) return new Error('an error that is none')
  const status = 'statusCode' in error ? `, status ${String(error.statusCode)}` : ''
  const code = 'code' in error ? `, code ${String(error.code)}` : ''
  const text = code.endsWith('PARSE_ERROR') ? 'the answer could not be read' : error.message.split('\n')[0]
  const summary = new Error(`${error.name}${code}${status}: ${text}`)
  // A stack begins with the message, whole.
  const calls = error.stack?.match(/^ {4}at .*$/gm) ?? []
  summary.stack = [`${summary.name}: ${summary.message}`, ...calls].join('\n')
  return summary
}
