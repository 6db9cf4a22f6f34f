/**
 * `npm run build [-- <folder>]`: the package that others install, in `dist/` unless told, ready for `npm publish ./dist`. The service itself needs no
 * build; what is published has JavaScript, types, and a manifest of its own, without what only the service needs.
 */
import { execFileSync } from 'node:child_process'
import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Type } from 'typebox'
import { Value } from 'typebox/value'

const DESCRIPTION =
  'Fastify plugins behind Microsoft Entra ID: access tokens, Key Vault, Storage queues, Graph, test tokens.'
/** What every user needs. */
const DEPENDENCIES = ['@fastify/jwt', 'cockatiel', 'fastify-plugin', 'jwks-rsa', 'lru-cache', 'typebox', 'undici']
/** What some of the exports need, and Azure's own identity library, which makes the credentials that they take. */
const OPTIONAL_PEERS = [
  '@azure/core-rest-pipeline',
  '@azure/identity',
  '@azure/keyvault-secrets',
  '@azure/msal-node',
  '@azure/storage-queue',
]
/** From the first version that the package was tested with. */
const FASTIFY = '^5.0.0'

const Manifest = Type.Object({
  name: Type.String(),
  version: Type.String(),
  license: Type.String(),
  engines: Type.Record(Type.String(), Type.String()),
  exports: Type.Record(Type.String(), Type.String({ pattern: '^\\./src/.*\\.ts$' })),
  dependencies: Type.Record(Type.String(), Type.String()),
})

const root = join(import.meta.dirname, '..')
const dist = resolve(process.argv[2] ?? join(root, 'dist'))
const own = Value.Parse(Manifest, JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))

rmSync(dist, { recursive: true, force: true })
const tsc = join(root, 'node_modules/typescript/bin/tsc')
execFileSync(process.execPath, [tsc, '-p', join(root, 'tsconfig.build.json'), '--outDir', dist], { stdio: 'inherit' })

const { name, version, license, engines } = own
const manifest = {
  ...{ name, version, description: DESCRIPTION, license },
  keywords: ['fastify', 'fastify-plugin', 'entra', 'entra-id', 'azure-ad', 'b2c', 'jwt', 'jwks', 'key-vault', 'graph'],
  type: 'module',
  exports: { ...mapExports(), './package.json': './package.json' },
  bin: { [name]: built('./src/cli/main.ts').default },
  engines,
  dependencies: ranges(DEPENDENCIES),
  peerDependencies: { ...ranges(OPTIONAL_PEERS), fastify: FASTIFY },
  peerDependenciesMeta: Object.fromEntries(OPTIONAL_PEERS.map((peer) => [peer, { optional: true }])),
}
writeFileSync(join(dist, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`)
copyFileSync(join(root, 'LICENSE'), join(dist, 'LICENSE'))
copyFileSync(join(root, 'docs/package.md'), join(dist, 'README.md'))

function mapExports() {
  return Object.fromEntries(Object.entries(own.exports).map(([path, source]) => [path, built(source)]))
}

/** What was made of a source file. */
function built(source: string): { types: string; default: string } {
  const path = source.replace('./src/', './').replace(/\.ts$/, '')
  if (!existsSync(join(dist, `${path}.js`))) throw new Error(`${source} was not built: add it to tsconfig.build.json`)
  return { types: `${path}.d.ts`, default: `${path}.js` }
}

function ranges(packages: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    packages.map((dependency) => {
      const exact = own.dependencies[dependency]
      if (exact === undefined) throw new Error(`${dependency} is no dependency of this project`)
      return [dependency, `^${exact}`]
    }),
  )
}
