import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { ConfigSchema } from '../src/config.ts'
import { root } from './helpers/processes.ts'

const documents = [
  'README.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  'docs/entra-auth.md',
  'docs/package.md',
  'docs/calling.md',
  'docs/deployment.md',
  'docs/entra-setup.md',
  'docs/life-of-a-code.md',
  'docs/operations.md',
  'docs/sign-in.md',
  'docs/functions.md',
  'functions/api/README.md',
  'functions/number-api/README.md',
  'docs/threat-model.md',
  'docs/design.md',
  'docs/testing.md',
  'docs/resilience.md',
]
const read = (file: string) => readFileSync(join(root, file), 'utf8')
/** The names by which links reach the headings of a document, as GitHub makes them. */
const sectionsOf = (file: string) =>
  [...read(file).matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\d _-]/gu, '')
      .replaceAll(' ', '-'),
  )
const Package = Type.Object({ scripts: Type.Record(Type.String(), Type.String()) })
const manifest = Value.Parse(Package, JSON.parse(read('package.json')))

for (const file of documents) {
  test(`${file} names only scripts that exist`, () => {
    for (const [, name = ''] of read(file).matchAll(/npm run (?:--silent )?([a-z:-]*[a-z])/g)) {
      assert.ok(name in manifest.scripts, `npm run ${name}`)
    }
  })

  test(`${file} links only to files that exist`, () => {
    for (const [, target = ''] of read(file).matchAll(/\]\((?!https?:)([^)#]+)/g)) {
      assert.ok(existsSync(join(root, dirname(file), target)), target)
    }
  })
}

test('links and advice name only sections that exist', () => {
  for (const file of documents) {
    for (const [, target = '', section = ''] of read(file).matchAll(/\]\((?!https?:)([^)#]*)#([^)]+)/g)) {
      const linked = target === '' ? file : join(dirname(file), target)
      assert.ok(sectionsOf(linked).includes(section), `${file}: ${target}#${section}`)
    }
  }
  const advised = [...read('src/doctor/advice.ts').matchAll(/docs\/entra-setup\.md#([a-z0-9-]+)/g)]
  assert.ok(advised.length >= 10)
  for (const [, section = ''] of advised) assert.ok(sectionsOf('docs/entra-setup.md').includes(section), section)
})

test('README.md names every variable that must be set', () => {
  const required = Object.entries(ConfigSchema.properties).filter(
    ([, schema]) => !('default' in schema) && !Type.IsOptional(schema),
  )
  for (const [name] of required) assert.ok(read('README.md').includes(`\`${name}\``), name)
})

test('the banner of npm run dev and the README give the same commands', () => {
  const banner = read('local-cloud/dev.ts')
  for (const command of [
    'TOKEN=$(npm run --silent token)',
    'npm run --silent call -- verify',
    'npm run smoke',
    'curl -H "Authorization: Bearer $TOKEN"',
  ]) {
    assert.ok(banner.includes(command) && read('README.md').includes(command), command)
  }
})

test('every row of docs/threat-model.md names tests that exist', () => {
  const rows = read('docs/threat-model.md').match(/^\| (?!Who, and|---).*$/gm) ?? []
  assert.ok(rows.length > 10)
  for (const row of rows) {
    const shown = [...row.matchAll(/\]\(\.\.\/(test\/[^)]+)\) '([^']+)'/g)]
    assert.ok(shown.length > 0, row)
    for (const [, file = '', title = ''] of shown) assert.ok(read(file).includes(title), `${file}: ${title}`)
  }
})
