import assert from 'node:assert/strict'
import { cp, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { after, test } from 'node:test'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { startCloud } from '../helpers/cloud.ts'
import { emptyFolder, packInto, readStatuses, strangersAnswers, succeed, tsc } from '../helpers/package.ts'
import { freePort, root, run } from '../helpers/processes.ts'

const Names = Type.Record(Type.String(), Type.String())
const Manifest = Type.Object({
  exports: Type.Record(Type.String(), Type.Unknown()),
  bin: Names,
  dependencies: Names,
  peerDependencies: Names,
})

const cloud = await startCloud()
const stranger = await emptyFolder({ after })
const installed = join(stranger, 'node_modules/fastify-entra')
await mkdir(installed, { recursive: true })
const tarball = await packInto({ after }, stranger)
await succeed({ after }, 'tar', ['-xzf', tarball, '-C', installed, '--strip-components=1'])
const manifest = Value.Parse(Manifest, JSON.parse(await readFile(join(installed, 'package.json'), 'utf8')))
// What its manifest names and nothing else, as npm would install it.
await link(stranger, [...Object.keys({ ...manifest.dependencies, ...manifest.peerDependencies }), '@types/node'])
await cp(join(import.meta.dirname, 'stranger'), stranger, { recursive: true })
await writeFile(join(stranger, 'package.json'), '{"private": true, "type": "module"}')

test("a stranger's application type-checks against the installed package, libraries included", async (t) => {
  assert.equal(await succeed(t, process.execPath, [tsc, '-p', stranger], stranger), '')
})

test("protects a stranger's route: 200 with a token of fastify-entra/testing, 401 without", async (t) => {
  const output = await succeed(t, process.execPath, ['app.ts'], stranger)
  assert.deepEqual(readStatuses(output), strangersAnswers)
})

test('holds JavaScript, types, its manifest, its licence and how to use it, and nothing else', async () => {
  const entries = await readdir(installed, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile()).map(({ name }) => name)
  const others = files.filter((name) => !/\.(?:js|d\.ts)$/.test(name))
  assert.deepEqual(others.sort(), ['LICENSE', 'README.md', 'package.json'])
  for (const { parentPath } of entries) assert.doesNotMatch(parentPath, /fastify-entra\/(?:routes|codes)/)
})

test('its exports are those of this repository, and its README names them', async () => {
  const own = Value.Parse(
    Type.Object({ exports: Names }),
    JSON.parse(await readFile(join(root, 'package.json'), 'utf8')),
  )
  assert.deepEqual(Object.keys(manifest.exports), [...Object.keys(own.exports), './package.json'])
  const readme = await readFile(join(installed, 'README.md'), 'utf8')
  for (const path of Object.keys(own.exports))
    assert.ok(readme.includes(`\`${path.replace('.', 'fastify-entra')}\``), path)
})

test('its commands get a token and explain it', async (t) => {
  const env = { ...process.env, ...cloud.serviceEnv, ...cloud.callerEnv }
  const [bin = ''] = Object.values(manifest.bin)
  const command = async (args: string[], changes: Record<string, string> = {}, input = '') =>
    await run(t, process.execPath, [join(installed, bin), ...args], {
      cwd: stranger,
      env: { ...env, ...changes },
      input,
    })

  const token = await command(['token'])
  assert.match(token.output, /^ey[\w-]+\.[\w-]+\.[\w-]+\n$/)
  const accepted = await command(['doctor', '-'], {}, token.output)
  assert.deepEqual(
    [accepted.status, accepted.output.split('\n').at(-2)?.trim()],
    [0, 'The token is accepted. The signature was checked.'],
  )

  const policies = join(stranger, 'policies.json')
  const examine = async (policy: object) => {
    await writeFile(policies, JSON.stringify({ 'GET /orders': policy }))
    return await command(['doctor', '--policies', policies, '-'], {}, token.output)
  }
  assert.match((await examine({ roles: ['Codes.Issue'] })).output, /accepted and opens GET \/orders/)
  const closed = await examine({ roles: ['Orders.Read'] })
  assert.equal(closed.status, 1)
  assert.match(closed.output, /role_missing/)
  const unclear = await examine({ role: 'Orders.Read' })
  assert.deepEqual([unclear.status, /GET \/orders is protected/.test(unclear.output)], [1, true])

  assert.equal((await command(['doctor', '-'], {}, 'no token')).status, 1)
  assert.match((await command(['token'], { CALLER_CLIENT_SECRET: 'wrong' })).output, /^AADSTS7000215/)
  const silent = await command(['token'], { ENTRA_AUTHORITY_HOST: `https://localhost:${await freePort()}` })
  assert.match(silent.output, /does not answer\n {2}fetch failed\n/)
  const unset = await command(['token'], { CALLER_CLIENT_ID: '' })
  assert.deepEqual([unset.status, /CALLER_CLIENT_ID is missing/.test(unset.output)], [78, true])
  assert.equal((await command([])).status, 2)
  assert.equal((await command(['--help'])).status, 0)
})

test('a plugin whose packages are missing says what to install', async (t) => {
  const bare = await emptyFolder(t)
  await cp(installed, join(bare, 'node_modules/fastify-entra'), { recursive: true })
  await link(bare, [...Object.keys(manifest.dependencies), 'fastify'])
  const source = `
    import Fastify from 'fastify'
    import 'fastify-entra'
    import 'fastify-entra/testing'
    const options = { url: 'https://a.example', urls: ['https://a.example/q'], baseUrl: 'https://a.example', credential: {} }
    for (const path of ['key-vault', 'storage-queue', 'graph']) {
      const { default: plugin } = await import('fastify-entra/' + path)
      await Fastify().register(plugin, options).ready().catch(({ message }) => console.log(message))
    }`
  assert.deepEqual(
    (await succeed(t, process.execPath, ['--input-type=module', '--eval', source], bare)).trim().split('\n'),
    [
      'key-vault needs further packages: npm install @azure/keyvault-secrets',
      'storage-queue needs further packages: npm install @azure/core-rest-pipeline @azure/storage-queue',
      'graph needs further packages: npm install @azure/msal-node',
    ],
  )
})

/** Puts packages of this repository into the `node_modules` of another folder. */
async function link(folder: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const path = join(folder, 'node_modules', name)
    await mkdir(dirname(path), { recursive: true })
    await symlink(join(root, 'node_modules', name), path, 'junction')
  }
}
