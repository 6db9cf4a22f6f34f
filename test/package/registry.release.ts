/** `npm run test:package`: what can be said of the package only with its dependencies from the registry. */
import assert from 'node:assert/strict'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { emptyFolder, packInto, readStatuses, strangersAnswers, succeed, tsc } from '../helpers/package.ts'
import { root } from '../helpers/processes.ts'

const stranger = await emptyFolder({ after })
const tarball = await packInto({ after }, stranger)
const own = JSON.parse(await readFile(join(root, 'package.json'), 'utf8'))
/** What package authors check manifests and types with. Not a development dependency: it brings a second TypeScript. */
const CHECKERS = ['publint@0.3.25', '@arethetypeswrong/cli@0.18.5']
await install(stranger, CHECKERS)
const bin = (name: string) => join(stranger, 'node_modules/.bin', name)

test('publint finds nothing', async (t) => {
  assert.match(await succeed(t, bin('publint'), [tarball, '--strict']), /All good!/)
})

test('its types resolve everywhere where ES modules do', async (t) => {
  await succeed(t, bin('attw'), [tarball, '--profile', 'esm-only', '--no-color'])
})

for (const fastify of ['5.0.0', own.dependencies.fastify]) {
  test(`npm installs it beside Fastify ${fastify}, and the application works`, async (t) => {
    const folder = await emptyFolder(t)
    await cp(join(import.meta.dirname, 'stranger'), folder, { recursive: true })
    const azure = ['identity', 'keyvault-secrets', 'storage-queue', 'core-rest-pipeline', 'msal-node']
    const packages = [`fastify@${fastify}`, `@types/node@${own.devDependencies['@types/node']}`]
    const wanted = [tarball, ...packages, ...azure.map((name) => `@azure/${name}`)]
    await install(folder, wanted)
    await succeed(t, process.execPath, [tsc, '-p', folder], folder)
    assert.deepEqual(readStatuses(await succeed(t, process.execPath, ['app.ts'], folder)), strangersAnswers)
    assert.match(await succeed(t, 'npx', ['fastify-entra', '--help'], folder), /doctor/)
  })
}

async function install(folder: string, packages: readonly string[]): Promise<void> {
  await writeFile(join(folder, 'package.json'), '{"private": true, "type": "module"}')
  await succeed({ after }, 'npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', ...packages], folder)
}
