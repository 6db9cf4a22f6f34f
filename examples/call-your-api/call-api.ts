/** Sends a request with the token to the endpoint that the command line names, and prints the answer. */
export async function callApi(token: string | undefined): Promise<void> {
  const endpoint = process.argv.slice(2).find((argument) => !argument.startsWith('--')) ?? 'hello-graph'
  const url = new URL(`/api/v1/${endpoint}`, process.env['API_URL'] ?? 'http://127.0.0.1:3000')
  const response = await fetch(url, { headers: { authorization: `Bearer ${token}` } })
  process.stdout.write(`${await response.text()}\n`)
  process.exitCode = response.ok ? 0 : 1
}

/** A variable that must be set. */
export function variable(name: string): string {
  const value = process.env[name]
  if (value) return value
  process.stderr.write(`${name} is missing. With npm run dev in another terminal, .env.local has it.\n`)
  process.exit(78)
}
