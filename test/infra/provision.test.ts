import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { loadConfig, loadWorkerConfig } from '../../src/config.ts'
import { optionOf, recordAz, settingsOf } from '../helpers/azure-cli.ts'

const PROVISION = 'bash infra/provision.sh --name codes'
const API_CLIENT_ID = '6b29fc40-ca47-4067-b31d-00dd010662da'
/** A first run in an empty subscription. */
const first = await recordAz({ after }, PROVISION)

/** What makes a thing that must not be there twice. */
const CREATES =
  /^(?:keyvault create|webapp create|functionapp create|ad app create|ad sp create|ad app federated-credential create)$/

test('what --dry-run prints calls az exactly as the real run does, and itself calls nothing', async (t) => {
  assert.equal(first.status, 0, first.output)
  assert.deepEqual((await recordAz(t, `${PROVISION} --dry-run`)).calls, [])
  const printed = await recordAz(t, `${PROVISION} --dry-run >"$AZ_STUB_FILE.sh" && bash "$AZ_STUB_FILE.sh"`)
  assert.deepEqual(printed.calls, first.calls)
})

test('a second run creates nothing again', async (t) => {
  const second = await recordAz(t, PROVISION, { state: 'complete' })
  assert.equal(second.status, 0, second.output)
  assert.equal(first.calls.filter(({ command }) => CREATES.test(command)).length, 8)
  assert.deepEqual(
    second.calls.filter(({ command }) => CREATES.test(command)),
    [],
  )
  const isPost = ({ args }: { args: string[] }) => optionOf(args, '--method') === 'post'
  assert.equal(first.calls.filter(isPost).length, 1)
  assert.deepEqual(second.calls.filter(isPost), [])
})

test('names everything that it creates before it does', async () => {
  const { output } = first
  for (const name of ['codes', 'codesstore', 'code-requests', 'code-requests-poison', 'codes-vault', 'codes-plan']) {
    assert.match(output, new RegExp(`^== .*${name}\\b`, 'm'))
  }
  for (const name of ['codes-api', 'codes-worker', 'codes-numbers'])
    assert.match(output, new RegExp(`^== .*${name}`, 'm'))
})

test('the settings of both apps are a configuration that the service accepts', async () => {
  const { calls } = first
  const settings = (app: string) =>
    settingsOf(
      calls.find(({ command, args }) => command.endsWith('appsettings set') && optionOf(args, '--name') === app)
        ?.args ?? [],
    )
  const api = loadConfig(settings('codes-api'))
  assert.equal(api.THIRD_PARTY_API_ENDPOINT, 'https://codes-numbers.azurewebsites.net/api/RandomNumber')
  assert.deepEqual(api.STORAGE_QUEUE_URL, ['https://codesstore.queue.core.windows.net/code-requests'])
  assert.equal(api.CODES_TABLE_URL, 'https://codesstore.table.core.windows.net/codes')
  assert.equal(api.KEY_VAULT_URL, 'https://codes-vault.vault.azure.net')
  const worker = loadWorkerConfig(settings('codes-worker'))
  assert.deepEqual(worker.STORAGE_QUEUE_URL, api.STORAGE_QUEUE_URL)
  assert.equal(worker.CODES_TABLE_URL, api.CODES_TABLE_URL)
  assert.equal(worker.METRICS_PORT, 8080)
})

test('storage takes no shared key, no old TLS and no anonymous reader; the identities get their roles and no more', async () => {
  const { calls } = first
  const storage = calls.find(({ command }) => command === 'storage account create')?.args ?? []
  assert.equal(optionOf(storage, '--allow-shared-key-access'), 'false')
  assert.equal(optionOf(storage, '--allow-blob-public-access'), 'false')
  assert.equal(optionOf(storage, '--min-tls-version'), 'TLS1_2')
  const roles = calls
    .filter(({ command }) => command === 'role assignment create')
    .map(({ args }) => optionOf(args, '--role'))
  assert.deepEqual(roles, [
    'Storage Blob Data Owner',
    'Key Vault Secrets User',
    'Storage Queue Data Contributor',
    'Storage Table Data Contributor',
    'Storage Queue Data Contributor',
    'Storage Table Data Contributor',
  ])
})

test("the number API's key goes into the vault, and into no argument and no output", async () => {
  const { calls, output } = first
  const written = calls.find(({ args }) => optionOf(args, '--url')?.includes('/secrets/number-api-key'))
  assert.deepEqual(JSON.parse(written?.input ?? ''), { properties: { value: 'the-key-of-the-number-api' } })
  assert.doesNotMatch(output + JSON.stringify(calls.map(({ args }) => args)), /the-key-of-the-number-api/)
})

test('leaves Entra alone when it gets the client id of a registration', async (t) => {
  const { status, calls } = await recordAz(t, `${PROVISION} --api-client-id ${API_CLIENT_ID}`)
  assert.equal(status, 0)
  assert.deepEqual(
    calls.filter(({ command }) => command.startsWith('ad ')),
    [],
  )
  assert.ok(calls.some(({ args }) => args.includes(`ENTRA_API_CLIENT_ID=${API_CLIENT_ID}`)))
})

test('creates no second registration when the first cannot be looked up', async (t) => {
  const { status, calls } = await recordAz(t, PROVISION, { fail: 'ad app list' })
  assert.notEqual(status, 0)
  assert.ok(!calls.some(({ command }) => command === 'ad app create'))
})

test('gives up, with a status that says so, when the key never comes', async (t) => {
  const { status, calls } = await recordAz(t, PROVISION, { fail: 'functionapp keys list' })
  assert.notEqual(status, 0)
  assert.equal(calls.filter(({ command }) => command === 'functionapp keys list').length, 30)
})

test('--destroy asks first, and deletes nothing on any other answer', async (t) => {
  for (const input of ['', 'yes\n', 'Codes\n']) {
    const { status, calls } = await recordAz(t, `${PROVISION} --destroy`, { state: 'complete', input })
    assert.notEqual(status, 0)
    assert.deepEqual(calls, [])
  }
  const { status, calls } = await recordAz(t, `${PROVISION} --destroy`, { state: 'complete', input: 'codes\n' })
  assert.equal(status, 0)
  assert.deepEqual(
    calls.map(({ command }) => command),
    ['group exists', 'group delete', 'ad app list', 'ad app delete'],
  )
})

test('refuses names that Azure would, before it does anything', async (t) => {
  for (const name of ['', 'ab', 'Codes', '1codes', 'codes-', 'co--des', 'a-name-that-is-too-long', '$(id)']) {
    const { status, calls } = await recordAz(t, `bash infra/provision.sh --name '${name}'`)
    assert.equal(status, 2, name)
    assert.deepEqual(calls, [])
  }
})
