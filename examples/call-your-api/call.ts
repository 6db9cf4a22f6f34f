/** `npm run call -- getcode`: what a backend service does to call the API, with nothing but `fetch`. */
const paths: Readonly<Record<string, string>> = { getcode: '/api/v1/getcode' }

const path = paths[process.argv[2] ?? '']
if (path === undefined) {
  process.stderr.write(`npm run call -- ${Object.keys(paths).join('|')}\n`)
  process.exit(2)
}

const apiUrl = process.env['API_URL'] ?? 'http://127.0.0.1:3000'
const token = await getToken()
const response = await fetch(new URL(path, apiUrl), { headers: { authorization: `Bearer ${token}` } })
process.stdout.write(`${await response.text()}\n`)
if (!response.ok) process.exitCode = 1

/** The client credentials flow. The scope is the API's `/.default`: all app roles that were granted, nothing else. */
async function getToken(): Promise<string> {
  const authority = `${process.env['ENTRA_AUTHORITY_HOST'] ?? 'https://login.microsoftonline.com'}/${variable('ENTRA_TENANT_ID')}`
  const answer = await fetch(`${authority}/oauth2/v2.0/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: variable('CALLER_CLIENT_ID'),
      client_secret: variable('CALLER_CLIENT_SECRET'),
      scope: variable('CALLER_SCOPE'),
    }),
  })
  const { access_token: accessToken, error_description: fault } = Object(await answer.json())
  if (typeof accessToken !== 'string') throw new Error(`no token: ${String(fault)}`)
  return accessToken
}

function variable(name: string): string {
  const value = process.env[name]
  if (value !== undefined) return value
  process.stderr.write(`${name} is missing. With npm run dev in another terminal, .env.local has it.\n`)
  process.exit(78)
}
