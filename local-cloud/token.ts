/** `npm run token`: an access token from the running local cloud, alone on standard output. */
import { parseArgs } from 'node:util'
import { api, caller, stranger, tenant } from './directory.ts'

const HELP = `npm run --silent token [-- options]

  --as caller|stranger|user|guest            who calls (default caller, an app with every role; stranger has none)
  --issuer v2|v1|multi-tenant|b2c|external-id  whose token, in whose format (default v2)
  --claim name=value                         sets a claim, as JSON or else as text; can be repeated
  --without name                             leaves a claim out; can be repeated

Without options, and for --as stranger, the token comes from the client credentials flow at the real token endpoint.
`

const { values } = parseArgs({
  options: {
    as: { type: 'string' },
    issuer: { type: 'string' },
    claim: { type: 'string', multiple: true, default: [] },
    without: { type: 'string', multiple: true, default: [] },
    help: { type: 'boolean' },
  },
})
if (values.help) {
  process.stderr.write(HELP)
  process.exit(0)
}

const host = process.env['ENTRA_AUTHORITY_HOST']
if (host === undefined) fail('There is no .env.local. Is the local cloud running? Start it with: npm run dev')
process.stdout.write(`${await getToken(host)}\n`)

async function getToken(origin: string): Promise<string> {
  const { as = 'caller', issuer, claim, without } = values
  const isPlain = issuer === undefined && claim.length === 0 && without.length === 0
  if (isPlain && (as === 'caller' || as === 'stranger')) {
    const { clientId, secret } = { caller, stranger }[as]
    return await request(`${origin}/${tenant.id}/oauth2/v2.0/token`, {
      body: new URLSearchParams({
        grant_type: 'client_credentials',
        client_id: clientId,
        client_secret: secret,
        scope: `${api.identifierUri}/.default`,
      }),
    })
  }
  const claims = Object.fromEntries(claim.map(readClaim))
  return await request(`${origin}/local-cloud/tokens`, {
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ as, issuer, claims, without }),
  })
}

async function request(url: string, init: RequestInit): Promise<string> {
  const response = await fetch(url, { method: 'POST', ...init }).catch((error: unknown) =>
    fail(`${url} does not answer: ${String(error)}. Is the local cloud running? Start it with: npm run dev`),
  )
  const answer = Object(await response.json())
  if (typeof answer.access_token === 'string') return answer.access_token
  return fail(`${String(answer.error_description)}\n\n${HELP}`)
}

function readClaim(text: string): [string, unknown] {
  const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? fail(`--claim ${text} is not name=value`)
  try {
    return [String(name), JSON.parse(String(value))]
  } catch {
    return [String(name), value]
  }
}

function fail(reason: string): never {
  process.stderr.write(`${reason}\n`)
  process.exit(1)
}
