import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { optionOf, recordAz, settingsOf } from '../helpers/azure-cli.ts'
import { readBicep } from '../helpers/bicep.ts'
import { root } from '../helpers/processes.ts'

/** What infra/provision.sh does, and what infra/main.bicep says: the same. */
const { calls } = await recordAz({ after }, 'bash infra/provision.sh --name codes')
const main = await readBicep('infra/main.bicep')
const resources = await readBicep('infra/resources.bicep')
const APPS = { api: 'codes-api', worker: 'codes-worker', numbers: 'codes-numbers' }

/** Microsoft's ids of built-in roles, the same everywhere ('Azure built-in roles', Microsoft Learn). */
const ROLES = {
  'Key Vault Secrets User': '4633458b-17de-408a-b874-0445c86b69e6',
  'Storage Blob Data Owner': 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b',
  'Storage Queue Data Contributor': '974c5e8b-45b9-4653-ba55-5f855dd0fb88',
  'Storage Table Data Contributor': '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3',
}

function valuesOf(symbol: string): Record<string, string> {
  const found = resources.find((resource) => resource.symbol === symbol)
  assert.ok(found, symbol)
  return found.values
}

/** The arguments of the call for one thing. */
function argsOf(command: string, name: string): string[] {
  const found = calls.find((call) => call.command === command && optionOf(call.args, '--name') === name)
  assert.ok(found, `${command} ${name}`)
  return found.args
}

test('the files are Bicep, and declare what provision.sh creates', () => {
  assert.deepEqual(
    [...main, ...resources].map(({ type }) => type.replace(/@.+/, '')).sort(),
    [
      'Microsoft.Resources/resourceGroups',
      'Microsoft.Storage/storageAccounts',
      'queueServices',
      'queues',
      'queues',
      'tableServices',
      'tables',
      'Microsoft.KeyVault/vaults',
      'Microsoft.Web/serverfarms',
      ...Array(3).fill(['Microsoft.Web/sites', 'config', 'basicPublishingCredentialsPolicies']).flat(),
      ...calls
        .filter(({ command }) => command === 'role assignment create')
        .map(() => 'Microsoft.Authorization/roleAssignments'),
    ].sort(),
  )
})

test('everything has the same name', () => {
  // ${name}-api, and ${replace(name, '-', '')}store.
  const names = (symbol: string) => valuesOf(symbol)['name']?.replace(/\$\{[^}]+\}/, 'codes')
  for (const [symbol, name] of Object.entries(APPS)) assert.equal(names(symbol), name)
  argsOf('storage account create', names('storage') ?? '')
  argsOf('keyvault create', names('vault') ?? '')
  argsOf('appservice plan create', names('plan') ?? '')
  const created = calls.flatMap(
    ({ args }) => /\/(?:queues|tables)\/([a-z-]+)\?/.exec(optionOf(args, '--url') ?? '')?.[1] ?? [],
  )
  assert.deepEqual(
    resources.filter(({ type }) => type === 'queues' || type === 'tables').map(({ values }) => values['name']),
    created,
  )
})

test('storage and vault are closed alike', () => {
  const storage = argsOf('storage account create', 'codesstore')
  const values = valuesOf('storage')
  assert.equal(values['properties.allowSharedKeyAccess'], optionOf(storage, '--allow-shared-key-access'))
  assert.equal(values['properties.allowBlobPublicAccess'], optionOf(storage, '--allow-blob-public-access'))
  assert.equal(values['properties.minimumTlsVersion'], optionOf(storage, '--min-tls-version'))
  assert.equal(values['properties.supportsHttpsTrafficOnly'], optionOf(storage, '--https-only'))
  assert.equal(values['sku.name'], optionOf(storage, '--sku'))
  const vault = argsOf('keyvault create', 'codes-vault')
  assert.equal(valuesOf('vault')['properties.enableRbacAuthorization'], optionOf(vault, '--enable-rbac-authorization'))
})

for (const [symbol, name] of Object.entries(APPS)) {
  const kind = symbol === 'numbers' ? 'functionapp' : 'webapp'

  test(`${name} is configured alike`, () => {
    const values = valuesOf(symbol)
    const config = argsOf(`${kind} config set`, name)
    for (const [property, option] of [
      ['linuxFxVersion', '--linux-fx-version'],
      ['appCommandLine', '--startup-file'],
      ['alwaysOn', '--always-on'],
      ['http20Enabled', '--http20-enabled'],
      ['minTlsVersion', '--min-tls-version'],
      ['ftpsState', '--ftps-state'],
    ] as const) {
      assert.equal(values[`properties.siteConfig.${property}`], optionOf(config, option), property)
    }
    const { healthCheckPath } = JSON.parse(optionOf(config, '--generic-configurations') ?? '{}')
    assert.equal(values['properties.siteConfig.healthCheckPath'], healthCheckPath)
    assert.equal(values['properties.httpsOnly'], optionOf(argsOf(`${kind} create`, name), '--https-only'))
    assert.equal(values['identity.type'], 'SystemAssigned')
    assert.equal(valuesOf(`${symbol}.passwords`)['properties.allow'], 'false')
  })

  test(`${name} has the same settings`, () => {
    const set = settingsOf(argsOf(`${kind} config appsettings set`, name))
    const declared = valuesOf(`${symbol}.settings`)
    // az functionapp create sets these two itself.
    const byAz = symbol === 'numbers' ? ['FUNCTIONS_EXTENSION_VERSION', 'FUNCTIONS_WORKER_RUNTIME'] : []
    const names = Object.keys(declared).map((path) => path.replace('properties.', ''))
    const settings = names.filter((setting) => setting !== 'name' && !byAz.includes(setting))
    assert.deepEqual(settings.sort(), Object.keys(set).sort())
    for (const setting of settings) {
      const value = declared[`properties.${setting}`] ?? ''
      // What is not known before, such as a host name, is only held by its name.
      if (!/[$.]|^apiClientId$/.test(value) || /^[\d./,]+$/.test(value)) assert.equal(value, set[setting], setting)
    }
  })
}

test('only the worker is closed to everybody', () => {
  const closed = resources.filter(
    ({ values }) => values['properties.siteConfig.ipSecurityRestrictionsDefaultAction'] === 'Deny',
  )
  assert.deepEqual(
    closed.map(({ symbol }) => symbol),
    ['worker'],
  )
  assert.ok(argsOf('resource update', 'web').includes('properties.ipSecurityRestrictionsDefaultAction=Deny'))
})

test('the identities have the same roles on the same things', () => {
  const declared = resources
    .filter(({ type }) => type.includes('/roleAssignments@'))
    .map(({ values }) => {
      const role = /roles\['([^']+)'\]/.exec(values['properties.roleDefinitionId'] ?? '')?.[1] ?? ''
      const who = values['properties.principalId']?.replace('.identity.principalId', '')
      assert.equal(values['name'], `guid(${values['scope']}.id, ${who}.id, roles['${role}'])`)
      return { who, role, scope: values['scope'] }
    })
  const row = ({ who, role, scope }: (typeof declared)[number]) => `${who} | ${role} | ${scope}`
  assert.deepEqual(declared.map(row).sort(), [
    'api | Key Vault Secrets User | vault',
    'api | Storage Queue Data Contributor | storage',
    'api | Storage Table Data Contributor | storage',
    'numbers | Storage Blob Data Owner | storage',
    'worker | Storage Queue Data Contributor | storage',
    'worker | Storage Table Data Contributor | storage',
  ])
  const assigned = calls
    .filter(({ command }) => command === 'role assignment create')
    .map(({ args }) => optionOf(args, '--role'))
  assert.deepEqual(declared.map(({ role }) => role).sort(), assigned.sort())
  const text = readFileSync(join(root, 'infra/resources.bicep'), 'utf8')
  assert.deepEqual(
    Object.fromEntries([...text.matchAll(/^ {2}'([^']+)': '([0-9a-f-]{36})'$/gm)].map(([, role, id]) => [role, id])),
    ROLES,
  )
})
