import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ConfigSchema, FunctionAppSchema, loadConfig, loadFunctionAppConfig, loadQueueConfig } from '../src/config.ts'
import { ConfigError } from '../src/read-variables.ts'

const complete = {
  ENTRA_TENANT_ID: '3f2504e0-4f89-41d3-9a0c-0305e82c3301',
  ENTRA_API_CLIENT_ID: '6b29fc40-ca47-4067-b31d-00dd010662da',
  KEY_VAULT_URL: 'https://my-vault.vault.azure.net',
  THIRD_PARTY_API_ENDPOINT: 'https://numbers.example/api/RandomNumber',
  THIRD_PARTY_API_SECRET_NAME: 'number-api-key',
  STORAGE_QUEUE_URL: 'https://mystorage.queue.core.windows.net/code-requests',
  CODES_TABLE_URL: 'https://mystorage.table.core.windows.net/codes',
}

function faultsOf(env: Record<string, string>): readonly string[] {
  try {
    loadConfig(env)
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    return error.faults
  }
  return []
}

test('takes the defaults of the contract', () => {
  assert.deepEqual(loadConfig(complete), {
    ...complete,
    STORAGE_QUEUE_URL: [complete.STORAGE_QUEUE_URL],
    HOST: '127.0.0.1',
    PORT: 3000,
    LOG_LEVEL: 'info',
    TRUST_PROXY: 'false',
    RATE_LIMIT_PER_MINUTE: 600,
    TOKEN_CACHE_SIZE: 10_000,
    MAX_CONCURRENT_REQUESTS: 120,
    WORKERS: 1,
    STOP_PAUSE_MS: 3_000,
    ENTRA_ALLOWED_TENANT_IDS: [],
    ENTRA_API_AUDIENCES: [],
    ENTRA_AUTHORITY_HOST: 'https://login.microsoftonline.com',
    ENTRA_ALLOWED_CLIENT_IDS: [],
    ENTRA_ALLOW_GUESTS: false,
    B2C_POLICY: [],
    CODE_LIFETIME_SECONDS: 600,
    WORKER_IDLE_POLL_MS: 5_000,
    WEB_SESSION_IDLE_SECONDS: 1_800,
    WEB_SESSION_MAX_SECONDS: 28_800,
    GRAPH_BASE_URL: 'https://graph.microsoft.com',
    THIRD_PARTY_API_TIMEOUT_MS: 5000,
    STORAGE_QUEUE_MESSAGE_ENCODING: 'text',
  })
})

test('names every variable that is missing, each with an example', () => {
  const faults = faultsOf({})
  assert.deepEqual(
    faults.map((fault) => fault.split(' ')[0]),
    Object.keys(complete),
  )
  for (const fault of faults) assert.match(fault, /^[A-Z0-9_]+ is missing, for example \S+$/)
})

test('counts an empty variable as missing, and one of blanks too', () => {
  assert.match(faultsOf({ ...complete, KEY_VAULT_URL: '' })[0] ?? '', /^KEY_VAULT_URL is missing/)
  assert.match(faultsOf({ ...complete, KEY_VAULT_URL: '  ' })[0] ?? '', /^KEY_VAULT_URL is missing/)
  assert.equal(loadConfig({ ...complete, PORT: '' }).PORT, 3000)
})

const malformed: Array<[name: string, values: string[]]> = [
  ['PORT', ['abc', '-1', '65536', '3000.5', '30 00']],
  ['LOG_LEVEL', ['loud', 'INFO']],
  ['TRUST_PROXY', ['yes', '10.0.0.0/8,', 'everybody']],
  ['RATE_LIMIT_PER_MINUTE', ['0', '-5', 'many']],
  ['ENTRA_TENANT_ID', ['contoso.onmicrosoft.com', 'common', '3f2504e0-4f89-41d3-9a0c-0305e82c330']],
  ['ENTRA_API_CLIENT_ID', ['api://6b29fc40-ca47-4067-b31d-00dd010662da']],
  ['ENTRA_ALLOWED_CLIENT_IDS', ['a', '6b29fc40-ca47-4067-b31d-00dd010662da;6b29fc40-ca47-4067-b31d-00dd010662da']],
  ['ENTRA_ALLOW_GUESTS', ['si', 'TRUE', '2']],
  ['ENTRA_AUTHORITY_HOST', ['login.microsoftonline.com', 'http://login.microsoftonline.com', 'ftp://x']],
  ['KEY_VAULT_URL', ['my-vault', 'http://my-vault.vault.azure.net', 'https://user@my-vault.vault.azure.net']],
  ['THIRD_PARTY_API_ENDPOINT', ['http://127.0.0.1.evil.example/', 'http://10.0.0.1/api']],
  ['THIRD_PARTY_API_SECRET_NAME', ['number_api_key', 'a/b']],
  ['THIRD_PARTY_API_TIMEOUT_MS', ['0', '60001', '5s']],
  [
    'STORAGE_QUEUE_URL',
    ['codes', 'http://a.example/codes', 'https://a.example/codes,', 'https://a.example/codes,https://a.example/codes'],
  ],
  ['STORAGE_QUEUE_MESSAGE_ENCODING', ['utf8']],
  ['OTEL_EXPORTER_OTLP_ENDPOINT', ['localhost:4318', 'grpc://collector', 'https://user:password@collector']],
  ['OTEL_EXPORTER_OTLP_PROTOCOL', ['grpc']],
  ['APPLICATIONINSIGHTS_CONNECTION_STRING', ['3f2504e0-4f89-41d3-9a0c-0305e82c3301']],
  [
    'WEB_ORIGIN',
    ['codes.contoso.com', 'http://codes.contoso.com', 'https://codes.contoso.com/', 'https://a@b.example'],
  ],
  ['ENTRA_WEB_SCOPE', ['user_impersonation', 'api://codes/a api://codes/b']],
]
for (const [name, values] of malformed) {
  test(`refuses ${name} = ${values.join(' | ')} and does not repeat the value`, () => {
    for (const value of values) {
      const faults = faultsOf({ ...complete, [name]: value })
      assert.equal(faults.length, 1, `${value}: ${faults.join()}`)
      assert.match(faults[0] ?? '', new RegExp(`^${name} is not .+, for example \\S+`))
    }
  })
}

test('names every fault at once', () => {
  const faults = faultsOf({ ...complete, PORT: 'x', LOG_LEVEL: 'y', KEY_VAULT_URL: 'z' })
  assert.deepEqual(
    faults.map((fault) => fault.split(' ')[0]),
    ['PORT', 'LOG_LEVEL', 'KEY_VAULT_URL'],
  )
})

test('reads lists, trimmed, and plain http to this machine', () => {
  const config = loadConfig({
    ...complete,
    ENTRA_API_AUDIENCES: 'api://a, https://b.example ',
    THIRD_PARTY_API_ENDPOINT: 'http://127.0.0.1:8080/api',
    STORAGE_QUEUE_URL: 'https://a.queue.core.windows.net/codes, https://b.queue.core.windows.net/codes',
    ENTRA_ALLOW_GUESTS: 'true',
  })
  assert.deepEqual(config.STORAGE_QUEUE_URL, [
    'https://a.queue.core.windows.net/codes',
    'https://b.queue.core.windows.net/codes',
  ])
  assert.deepEqual(config.ENTRA_API_AUDIENCES, ['api://a', 'https://b.example'])
  assert.equal(config.THIRD_PARTY_API_ENDPOINT, 'http://127.0.0.1:8080/api')
  assert.equal(config.ENTRA_ALLOW_GUESTS, true)
})

const inconsistent: Array<[what: string, env: Record<string, string>, faults: RegExp[]]> = [
  ['organizations and no tenants', { ENTRA_TENANT_ID: 'organizations' }, [/^ENTRA_ALLOWED_TENANT_IDS is missing/]],
  [
    'one tenant and a list of tenants',
    { ENTRA_ALLOWED_TENANT_IDS: complete.ENTRA_TENANT_ID },
    [/^ENTRA_ALLOWED_TENANT_IDS is set/],
  ],
  [
    'two credentials',
    { ENTRA_API_CLIENT_SECRET_NAME: 'a', ENTRA_API_CERTIFICATE_NAME: 'b' },
    [/^ENTRA_API_CERTIFICATE_NAME is set/],
  ],
  [
    'two credentials of the web application',
    {
      ENTRA_WEB_CLIENT_ID: '6b29fc40-ca47-4067-b31d-00dd010662da',
      WEB_ORIGIN: 'https://codes.contoso.com',
      WEB_SESSIONS_TABLE_URL: 'https://mystorage.table.core.windows.net/sessions',
      WEB_SESSION_KEY_NAME: 'web-session-key',
      ENTRA_WEB_CLIENT_SECRET_NAME: 'a',
      ENTRA_WEB_CERTIFICATE_NAME: 'b',
    },
    [/^ENTRA_WEB_CERTIFICATE_NAME is set/],
  ],
  [
    'a web application without its sessions',
    { ENTRA_WEB_CLIENT_ID: '6b29fc40-ca47-4067-b31d-00dd010662da', WEB_ORIGIN: 'https://codes.contoso.com' },
    [/^WEB_SESSIONS_TABLE_URL is missing/, /^WEB_SESSION_KEY_NAME is missing/],
  ],
  [
    'half a B2C directory',
    { B2C_DIRECTORY_CLIENT_SECRET_NAME: 'a' },
    [/^B2C_DIRECTORY_TENANT_ID is missing/, /^B2C_DIRECTORY_CLIENT_ID is missing/],
  ],
  ['a B2C tenant alone', { B2C_TENANT_NAME: 'contoso' }, [/^B2C_POLICY is missing/, /^B2C_API_CLIENT_ID is missing/]],
]
for (const [what, env, expected] of inconsistent) {
  test(`refuses ${what}`, () => {
    const faults = faultsOf({ ...complete, ...env })
    assert.equal(faults.length, expected.length, faults.join())
    for (const [i, fault] of faults.entries()) assert.match(fault, expected[i] ?? /never/)
  })
}

test('asks tools that need only the queue for nothing else', () => {
  const { STORAGE_QUEUE_URL } = complete
  assert.deepEqual(loadQueueConfig({ STORAGE_QUEUE_URL }).STORAGE_QUEUE_URL, [STORAGE_QUEUE_URL])
  assert.throws(() => loadQueueConfig({}), /STORAGE_QUEUE_URL is missing/)
})

test('a function app serves one queue', () => {
  const { STORAGE_QUEUE_URL } = complete
  const several = { ...complete, STORAGE_QUEUE_URL: `${STORAGE_QUEUE_URL},${STORAGE_QUEUE_URL}2` }
  assert.throws(() => loadFunctionAppConfig(several), /STORAGE_QUEUE_URL names several queues/)
  assert.equal(loadFunctionAppConfig(complete).STORAGE_QUEUE_SENDER, 'client')
})

test('.env.example has every variable of the schema and no other, and its defaults are the real ones', () => {
  const lines = readFileSync(new URL('../.env.example', import.meta.url), 'utf8').split('\n')
  const documented = new Map<string, string>()
  for (const line of lines) {
    const [, name, value] = /^#? ?([A-Z0-9_]+)=(.*)$/.exec(line) ?? []
    if (name !== undefined && value !== undefined && !name.startsWith('AZURE_')) documented.set(name, value)
  }
  const variables = { ...ConfigSchema.properties, ...FunctionAppSchema.properties }
  assert.deepEqual([...documented.keys()].sort(), Object.keys(variables).sort())
  const required = Object.keys(complete)
  for (const name of required) assert.ok(lines.includes(`${name}=`), `${name} must be set, so its line stands ready`)
  for (const [name, value] of Object.entries(loadFunctionAppConfig(complete))) {
    if (!required.includes(name)) assert.equal(documented.get(name), String(value), name)
  }
})
