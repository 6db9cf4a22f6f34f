#!/usr/bin/env node
// `npx fastify-entra doctor|token`: the commands of the published package.
import { readFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { assertRoutePolicy, type RoutePolicy } from '../plugins/entra-auth/route-policy.ts'
import { ConfigError } from '../read-variables.ts'
import { runDoctor } from './doctor.ts'
import { explainError } from './explain-error.ts'
import { runToken } from './token.ts'

const HELP = `npx fastify-entra doctor [--policies <file>] <token or - for standard input>
  Holds an access token against the configuration (ENTRA_*, B2C_*), rule by rule, and says what to change. The file is
  JSON: {"GET /orders": {"roles": ["Orders.Read"]}}. Ends with 0 when the token is accepted and opens one of these.

npx fastify-entra token
  An access token for an application, with the client credentials flow. Variables: ENTRA_TENANT_ID, CALLER_CLIENT_ID,
  CALLER_CLIENT_SECRET, CALLER_SCOPE (api://<client id of the API>/.default).

With the variables in a file: node --env-file=<file> node_modules/fastify-entra/cli/main.js …
`

/** @throws {Error} when the file is not what the option --policies takes */
async function readPolicies(file: string): Promise<Record<string, RoutePolicy>> {
  const policies: Record<string, RoutePolicy> = {}
  for (const [route, policy] of Object.entries(Object(JSON.parse(await readFile(file, 'utf8'))))) {
    assertRoutePolicy(route, policy)
    policies[route] = policy
  }
  return policies
}

async function run(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { help: { type: 'boolean' }, policies: { type: 'string' } },
  })
  const [command, token, ...rest] = positionals
  if (command === 'doctor' && token !== undefined && rest.length === 0) {
    return await runDoctor(token, values.policies === undefined ? {} : await readPolicies(values.policies))
  }
  if (command === 'token' && token === undefined) return await runToken()
  process.stderr.write(HELP)
  return values.help ? 0 : 2
}

try {
  process.exitCode = await run()
} catch (error) {
  process.stderr.write(`${explainError(error)}\n`)
  process.exitCode = error instanceof ConfigError ? ConfigError.exitCode : 1
}
