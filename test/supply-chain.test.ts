import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { root, run } from './helpers/processes.ts'

const read = (file: string) => JSON.parse(readFileSync(join(root, file), 'utf8'))
const Manifest = Type.Object({
  allowScripts: Type.Record(Type.String(), Type.Boolean()),
  dependencies: Type.Record(Type.String(), Type.String()),
  devDependencies: Type.Record(Type.String(), Type.String()),
  optionalDependencies: Type.Record(Type.String(), Type.String()),
})
const Lock = Type.Object({
  packages: Type.Record(
    Type.String(),
    Type.Object({
      version: Type.String(),
      dev: Type.Optional(Type.Boolean()),
      integrity: Type.Optional(Type.String()),
      resolved: Type.Optional(Type.String()),
      hasInstallScript: Type.Optional(Type.Boolean()),
      inBundle: Type.Optional(Type.Boolean()),
    }),
  ),
})
const Sbom = Type.Object({
  bomFormat: Type.Literal('CycloneDX'),
  components: Type.Array(Type.Object({ name: Type.String(), version: Type.String(), purl: Type.String() })),
})

const { allowScripts, dependencies, devDependencies, optionalDependencies } = Value.Parse(
  Manifest,
  read('package.json'),
)
/** By where they are installed. */
const packages = Object.entries(Value.Parse(Lock, read('package-lock.json')).packages).filter(([path]) => path !== '')

test('every dependency has an exact version', () => {
  for (const [name, version] of Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })) {
    assert.match(version, /^\d+\.\d+\.\d+$/, name)
  }
})

test('package-lock.json names no host that packages came from, and knows each by its hash', () => {
  assert.ok(packages.length > 100)
  for (const [path, { integrity, resolved, inBundle = false }] of packages) {
    assert.equal(resolved, undefined, path)
    assert.ok(inBundle || integrity?.startsWith('sha512-'), path)
  }
})

test('every package with an install script is one that somebody decided about, and no other is', () => {
  const withScripts = packages.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => nameOf(path))
  assert.deepEqual([...new Set(withScripts)].sort(), Object.keys(allowScripts).sort())
})

test('npm run sbom lists what runs in production, and nothing else', async (t) => {
  const { status, output } = await run(t, 'npm', ['run', '--silent', 'sbom'])
  assert.equal(status, 0, output)
  const { components } = Value.Parse(Sbom, JSON.parse(output.slice(output.indexOf('{'))))
  const names = new Set(components.map(({ name }) => name))
  for (const name of Object.keys(dependencies)) assert.ok(names.has(name), name)
  for (const name of ['azurite', 'knip', 'typescript', 'fast-check']) assert.ok(!names.has(name), name)
  const isProduction = ([, { dev = false }]: (typeof packages)[number]) => !dev
  const production = new Set(packages.filter(isProduction).map(([path, { version }]) => `${nameOf(path)}@${version}`))
  for (const { name, version } of components) assert.ok(production.has(`${name}@${version}`), `${name}@${version}`)
})

/** `node_modules/a/node_modules/@b/c` is `@b/c`. */
function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
}
