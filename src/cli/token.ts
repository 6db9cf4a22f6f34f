import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { loadTokenConfig } from '../config.ts'

const TIMEOUT_MS = 10_000

const Success = Type.Object({ access_token: Type.String() })
const Failure = Type.Object({ error_description: Type.String() })

/**
 * Prints an access token that an application gets for itself (OAuth 2.0 client credentials flow, Microsoft Learn), alone on
 * standard output.
 * @returns the exit status
 * @throws {ConfigError} naming the variables that are missing
 * @throws {Error} with what Entra says of the request
 */
export async function runToken(): Promise<number> {
  const config = loadTokenConfig()
  const url = `${config.ENTRA_AUTHORITY_HOST.replace(/\/$/, '')}/${config.ENTRA_TENANT_ID}/oauth2/v2.0/token`
  const response = await fetch(url, {
    method: 'POST',
    signal: AbortSignal.timeout(TIMEOUT_MS),
    redirect: 'error',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: config.CALLER_CLIENT_ID,
      client_secret: config.CALLER_CLIENT_SECRET,
      scope: config.CALLER_SCOPE,
    }),
  }).catch((cause: unknown) => {
    throw new Error(`${url} does not answer`, { cause })
  })
  const answer: unknown = await response.json().catch(() => undefined)
  if (!Value.Check(Success, answer)) {
    const reason = Value.Check(Failure, answer) ? answer.error_description : `${url} answered ${response.status}`
    throw new Error(reason)
  }
  process.stdout.write(`${answer.access_token}\n`)
  return 0
}
