/** `npm run token`: an access token for the API from the running local cloud, alone on standard output. */
import { parseArgs } from 'node:util'
import { type Application, api, caller, stranger, tenant } from './directory.ts'

const HELP = `npm run --silent token [-- --as caller|stranger]

  caller    has every app role of the API (the default)
  stranger  has none: its token is valid, and opens nothing
`
const principals: Readonly<Record<string, Application & { secret: string }>> = { caller, stranger }

const { values } = parseArgs({ options: { as: { type: 'string', default: 'caller' }, help: { type: 'boolean' } } })
const principal = principals[values.as]
if (values.help || principal === undefined) {
  process.stderr.write(HELP)
  process.exit(values.help ? 0 : 2)
}

const host = process.env['ENTRA_AUTHORITY_HOST']
if (host === undefined) fail('There is no .env.local.')
const response = await fetch(`${host}/${tenant.id}/oauth2/v2.0/token`, {
  method: 'POST',
  body: new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: principal.clientId,
    client_secret: principal.secret,
    scope: `${api.identifierUri}/.default`,
  }),
}).catch((error: unknown) => fail(`${host} does not answer: ${String(error)}.`))
const answer = Object(await response.json())
if (typeof answer.access_token !== 'string') fail(`${host} gave no token: ${JSON.stringify(answer)}`)
process.stdout.write(`${answer.access_token}\n`)

function fail(reason: string): never {
  process.stderr.write(`${reason}\nIs the local cloud running? Start it with: npm run dev\n`)
  process.exit(1)
}
