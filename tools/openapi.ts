/**
 * `npm run openapi`: writes openapi.json, which describes the service in an example configuration, the same on every
 * machine, and the types of examples/typescript-client from it. With `--check` it only says whether they are up to date.
 */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Type } from 'typebox'
import { buildApp } from '../src/app.ts'
import { ConfigSchema, loadConfig } from '../src/config.ts'
import { listIssuers } from '../src/issuers.ts'
import { createDocumentation } from '../src/openapi/documentation.ts'

const ROOT = join(import.meta.dirname, '..')
const DOCUMENT = join(ROOT, 'openapi.json')
const CLIENT_TYPES = join(ROOT, 'examples', 'typescript-client', 'api.ts')
/** Fetched when it is needed: it works with TypeScript 5 only, and this project has 7. */
const GENERATOR = ['--package=openapi-typescript@7.13.0', '--package=typescript@5.9.3', '--', 'openapi-typescript']
/** What the example has beyond what must be set: callers of B2C beside Entra's. */
const OPTIONAL = ['B2C_TENANT_NAME', 'B2C_POLICY', 'B2C_API_CLIENT_ID']
/** An address where nobody is: the application is built for its routes alone. */
const NOWHERE = 'https://localhost:1'

const { values: options } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
const text = await describeExample()
const mark = `// From openapi.json with the SHA-256 ${createHash('sha256').update(text).digest('hex')}\n`
const isCurrent = read(DOCUMENT) === text
const isClientCurrent = read(CLIENT_TYPES).startsWith(mark)

if (options.check && !(isCurrent && isClientCurrent)) {
  process.stderr.write('The routes differ from openapi.json, or the client from it. Run: npm run openapi\n')
  process.exitCode = 1
}
if (!options.check && !isCurrent) writeFileSync(DOCUMENT, text)
if (!options.check && !isClientCurrent) {
  const args = ['exec', '--yes', ...GENERATOR, DOCUMENT, '--output', CLIENT_TYPES]
  execFileSync('npm', args, { stdio: 'inherit', shell: process.platform === 'win32' })
  writeFileSync(CLIENT_TYPES, mark + read(CLIENT_TYPES))
}

async function describeExample(): Promise<string> {
  const examples = Object.entries(ConfigSchema.properties)
    .filter(([name, schema]) => OPTIONAL.includes(name) || (!('default' in schema) && !Type.IsOptional(schema)))
    .map(([name, schema]) => [name, 'example' in schema ? String(schema.example) : ''])
  const config = loadConfig(Object.fromEntries(examples))
  const app = await buildApp({
    ...config,
    LOG_LEVEL: 'silent',
    ENTRA_AUTHORITY_HOST: NOWHERE,
    B2C_AUTHORITY_HOST: NOWHERE,
  })
  const documentation = await createDocumentation({ routes: app.apiRoutes, issuers: listIssuers(config) })
  const document = documentation.swagger()
  await documentation.close()
  await app.close()
  return `${JSON.stringify(document, null, 2)}\n`
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
