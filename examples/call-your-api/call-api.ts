/** Sends a request with the token to the endpoint that the command line names, and prints the answer. */
export async function callApi(token: string | undefined): Promise<void> {
  const [endpoint = 'hello-graph', code] = process.argv.slice(2).filter((argument) => !argument.startsWith('--'))
  const path = endpoint === 'verify' ? 'codes/verify' : endpoint
  const url = new URL(`/api/v1/${path}`, process.env['API_URL'] ?? 'http://127.0.0.1:3000')
  const authorization = `Bearer ${token}`
  const response =
    code === undefined
      ? await fetch(url, { headers: { authorization } })
      : await fetch(url, {
          method: 'POST',
          headers: { authorization, 'content-type': 'application/json' },
          body: JSON.stringify({ code }),
        })
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
