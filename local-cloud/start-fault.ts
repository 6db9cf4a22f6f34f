/** Ends the process with a message that says what to do. */
export function explainStartFault(error: unknown): never {
  const text = error instanceof Error ? error.message : String(error)
  const isPortTaken = text.includes('EADDRINUSE')
  const advice = isPortTaken ? 'Its port is taken: is a local cloud running in another terminal?\n' : ''
  process.stderr.write(`The local cloud cannot start: ${text}\n${advice}`)
  process.exit(1)
}
