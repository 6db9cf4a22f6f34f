import assert from 'node:assert/strict'
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { test } from 'node:test'
import { root, run } from './helpers/processes.ts'

/** Who may not import what: the table of CONTRIBUTING.md, held by Biome. */
const forbidden: Array<[file: string, source: string]> = [
  ['src/config.ts', "import { PublicError } from './errors.ts'"],
  ['src/azure/new.ts', "import Fastify from 'fastify'"],
  ['src/azure/new.ts', "import { loadConfig } from '../config.ts'"],
  ['src/azure/new.ts', "import { createCode } from '../codes/code.ts'"],
  ['src/codes/new.ts', "import Fastify from 'fastify'"],
  ['src/codes/new.ts', "import { QueueClient } from '@azure/storage-queue'"],
  ['src/codes/new.ts', "import keyVault from '../plugins/key-vault.ts'"],
  ['src/plugins/new.ts', "import { loadConfig } from '../config.ts'"],
  ['src/plugins/entra-auth/new.ts', "import { loadConfig } from '../../config.ts'"],
  ['src/plugins/new.ts', "import getcode from '../routes/getcode.ts'"],
  ['src/plugins/new.ts', "import { QueueClient } from '@azure/storage-queue'"],
  ['src/routes/new.ts', "import { createKeyVault } from '../azure/key-vault.ts'"],
  ['src/openapi/new.ts', "import { loadConfig } from '../config.ts'"],
  ['src/openapi/new.ts', "import getcode from '../routes/getcode.ts'"],
  ['local-cloud/new.ts', "import { createCode } from '../src/codes/code.ts'"],
  ['local-cloud/entra/new.ts', "import { createCode } from '../../src/codes/code.ts'"],
  ['functions/number-api/new.ts', "import { createCode } from '../../src/codes/code.ts'"],
  ['examples/new.ts', "import { createCode } from '../src/codes/code.ts'"],
]
const allowed: Array<[file: string, source: string]> = [
  ['src/config.ts', "import { Type } from 'typebox'"],
  ['src/azure/new.ts', "import { PublicError } from '../errors.ts'"],
  ['src/codes/new.ts', "import type { StorageQueue } from '../azure/storage-queue.ts'"],
  ['src/plugins/entra-auth/new.ts', "import { PublicError } from '../../errors.ts'"],
  ['src/openapi/new.ts', "import { PublicError } from '../errors.ts'"],
  ['local-cloud/new.ts', "import { randomNumber } from '../functions/number-api/random-number.ts'"],
  ['functions/api/new.ts', "import { buildApp } from '../../src/app.ts'"],
  ['src/routes/new.ts', "import { issueCode } from '../codes/issue-code.ts'"],
]

const readsEnvironment = 'export const port = process.env.PORT'

test('the rules of CONTRIBUTING.md on who may import whom are held, and forbid nothing else', async (t) => {
  const rows = [
    ...forbidden.map(([file, source]) => ({ file, source, rule: 'noRestrictedImports' })),
    ...allowed.map(([file, source]) => ({ file, source, rule: null })),
    { file: 'src/plugins/new.ts', source: readsEnvironment, rule: 'noProcessEnv' },
    { file: 'src/config.ts', source: readsEnvironment, rule: null },
  ]
  for (const { file, source, rule } of rows) {
    assert.deepEqual(await brokenRules(t, file, source), rule === null ? [] : [rule], `${file}: ${source}`)
  }
})

/** Lints one file in a tree of its own, under this project's configuration. */
async function brokenRules(t: Parameters<typeof run>[0], file: string, source: string): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), 'fastify-entra-test-'))
  try {
    await copyFile(join(root, 'biome.json'), join(folder, 'biome.json'))
    await mkdir(dirname(join(folder, file)), { recursive: true })
    await writeFile(join(folder, file), source)
    const args = ['lint', '--vcs-enabled=false', file]
    const { output } = await run(t, join(root, 'node_modules/.bin/biome'), args, { cwd: folder })
    assert.match(output, /Checked 1 file/)
    const found = [...output.matchAll(/lint\/style\/(noRestrictedImports|noProcessEnv)/g)]
    return found.map(([, rule = '']) => rule)
  } finally {
    await rm(folder, { recursive: true })
  }
}
