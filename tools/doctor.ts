/**
 * `npm run doctor -- <token or - for standard input>`: what this service would say to a token, rule by rule, and what to
 * change. The token is sent nowhere; only the issuer's public metadata and keys are fetched.
 */
import { text } from 'node:stream/consumers'
import { loadCallersConfig } from '../src/config.ts'
import { diagnose } from '../src/doctor/diagnose.ts'
import { formatReport, isUsable } from '../src/doctor/report.ts'
import { listIssuers } from '../src/issuers.ts'
import { fetchJsonOverHttps } from '../src/plugins/entra-auth/issuer-metadata.ts'
import { readIssuerOptions } from '../src/plugins/entra-auth/issuer-options.ts'
import { createTrustedIssuer } from '../src/plugins/entra-auth/trusted-issuer.ts'
import { ConfigError } from '../src/read-variables.ts'
import { policies } from '../src/routes/policies.ts'

const HELP = `npm run doctor -- <token>    or    … | npm run doctor -- -

Decodes an access token, holds it against the configuration (ENTRA_*, B2C_*) and says what to change.
Ends with 0 when the token would be accepted and opens an endpoint at least, with 1 when not.
`

const [argument] = process.argv.slice(2)
if (argument === undefined || argument === '--help') {
  process.stderr.write(HELP)
  process.exit(argument === undefined ? 2 : 0)
}

try {
  const config = loadCallersConfig()
  const token = (argument === '-' ? await text(process.stdin) : argument).trim().replace(/^Bearer +/i, '')
  const issuers = readIssuerOptions(listIssuers(config)).map((settings) =>
    createTrustedIssuer({ settings, fetchJson: fetchJsonOverHttps, onFailure: () => undefined }),
  )
  const diagnosis = await diagnose(token, {
    issuers,
    policies,
    rules: {
      allowedClientIds: new Set(config.ENTRA_ALLOWED_CLIENT_IDS.map((id) => id.toLowerCase())),
      allowGuests: config.ENTRA_ALLOW_GUESTS,
    },
    nowMs: Date.now(),
  })
  for (const issuer of issuers) issuer.stop()
  process.stdout.write(formatReport(diagnosis))
  process.exitCode = isUsable(diagnosis) ? 0 : 1
} catch (error) {
  if (!(error instanceof ConfigError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = ConfigError.exitCode
}
