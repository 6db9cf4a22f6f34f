/** `npm run doctor -- <token or - for standard input>`: what this service would say to a token, and what to change. */
import { runDoctor } from '../src/cli/doctor.ts'
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
  process.exitCode = await runDoctor(argument, policies)
} catch (error) {
  if (!(error instanceof ConfigError)) throw error
  process.stderr.write(`${error.message}\n`)
  process.exitCode = ConfigError.exitCode
}
