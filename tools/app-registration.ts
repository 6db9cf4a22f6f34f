/**
 * `npm run app-registration`: what to create in Entra for this API, from the policies of its routes. Prints shell commands
 * and runs nothing.
 */
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { explainError } from '../src/cli/explain-error.ts'
import {
  apiCommands,
  b2cApiCommands,
  b2cDirectoryCommands,
  callerCommands,
  printCommands,
  REGISTRATION_NAME,
} from '../src/registration/commands.ts'
import { createManifest } from '../src/registration/manifest.ts'
import { policies } from '../src/routes/policies.ts'

const functions = readFileSync(new URL('../infra/entra.sh', import.meta.url), 'utf8')

const HELP = `npm run app-registration -- [options]

Prints the Azure CLI commands that create what this API needs in Entra, or bring it up to date. Look at them, then run
them with an administrator's sign-in:  npm run --silent app-registration | bash

  --name <name>      the API's app registration (codes-api)
  --caller <name>    a service that calls it, with every role (<name of the API>-caller)
  --roles <a,b>      the caller gets these roles alone
  --no-caller        the API alone
  --b2c <tenant>     the same for the B2C tenant <tenant>.onmicrosoft.com: az login --tenant <tenant>.onmicrosoft.com first
  --manifest         the manifest alone, as JSON, for the portal's manifest editor
`

try {
  process.stdout.write(describe(process.argv.slice(2)))
} catch (error) {
  process.stderr.write(`${explainError(error)}\n\n${HELP}`)
  process.exitCode = 2
}

function describe(args: string[]): string {
  const { values } = parseArgs({
    args,
    options: {
      name: { type: 'string', default: 'codes-api' },
      caller: { type: 'string' },
      'no-caller': { type: 'boolean', default: false },
      roles: { type: 'string' },
      b2c: { type: 'string' },
      manifest: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return HELP
  const manifest = createManifest(policies)
  if (values.manifest) return `${JSON.stringify(manifest, null, 2)}\n`

  const { name, b2c, caller = `${name}-caller` } = values
  for (const given of [name, caller, ...(b2c === undefined ? [] : [b2c])]) {
    if (!REGISTRATION_NAME.test(given)) throw new Error(`'${given}' is no name: letters, digits, dots and hyphens.`)
  }
  const roles = pickRoles(manifest.appRoles, values.roles)
  const registration = { name, manifest }
  const parts =
    b2c === undefined
      ? { commands: [apiCommands(registration)], printed: { ENTRA_API_CLIENT_ID: 'API_CLIENT_ID' } }
      : {
          commands: [b2cApiCommands(registration, b2c), b2cDirectoryCommands(`${name}-directory`)],
          printed: { B2C_API_CLIENT_ID: 'API_CLIENT_ID', B2C_DIRECTORY_CLIENT_ID: 'DIRECTORY_CLIENT_ID' },
        }
  if (values['no-caller'])
    return ['set -euo pipefail', functions, ...parts.commands, printCommands(parts.printed)].join('\n')
  const printed = { ...parts.printed, CALLER_CLIENT_ID: 'CALLER_CLIENT_ID' }
  return [
    'set -euo pipefail',
    functions,
    ...parts.commands,
    callerCommands(caller, roles),
    printCommands(printed),
  ].join('\n')
}

function pickRoles<Role extends { value: string }>(roles: readonly Role[], names: string | undefined): readonly Role[] {
  if (names === undefined) return roles
  return names.split(',').map((name) => {
    const role = roles.find(({ value }) => value === name)
    if (role === undefined)
      throw new Error(`No route asks for the role '${name}': ${roles.map(({ value }) => value).join(', ')}.`)
    return role
  })
}
