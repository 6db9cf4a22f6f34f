import { type Static, type TString, Type } from 'typebox'
import { ConfigError, readVariables } from './read-variables.ts'

const guidPattern = '[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}'
const addressPattern = '[0-9a-fA-F.:]+(?:/\\d{1,3})?'

const Guid = (example: string) => Type.String({ pattern: `^${guidPattern}$`, expects: 'a GUID', example })

const SecretName = (example: string) =>
  Type.String({
    pattern: '^[0-9a-zA-Z-]{1,127}$',
    expects: 'the name of a Key Vault secret (letters, digits and hyphens)',
    example,
  })

const Url = (example: string, options: { default?: string } = {}) =>
  Type.Refine(
    Type.String({ expects: 'an https URL (http is accepted on this machine only)', example, ...options }),
    isServiceUrl,
  )

const Urls = (example: string) =>
  Type.Array(Type.Refine(Type.String(), isServiceUrl), {
    minItems: 1,
    uniqueItems: true,
    expects: 'an https URL (http is accepted on this machine only), or several different ones separated by commas',
    example,
  })

/** Where a collector listens is often inside a cluster, where nothing is encrypted. */
const CollectorUrl = (example: string) =>
  Type.Optional(Type.String({ pattern: '^https?://[^\\s@]+$', expects: 'an http or https URL', example }))

const List = (item: TString, expects: string, example: string) =>
  Type.Array(item, { default: [], expects: `${expects}, or several separated by commas`, example })

/**
 * Every variable the service reads, with its default. `.env.example` says what each one means.
 * `DefaultAzureCredential` reads its own `AZURE_*` variables, and they are not declared here.
 */
export const ConfigSchema = Type.Object({
  HOST: Type.String({ default: '127.0.0.1', minLength: 1, expects: 'an address to listen on', example: '0.0.0.0' }),
  PORT: Type.Integer({
    default: 3000,
    minimum: 0,
    maximum: 65_535,
    expects: 'a port from 0 to 65535',
    example: '3000',
  }),
  LOG_LEVEL: Type.Enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'], {
    default: 'info',
    expects: 'one of fatal, error, warn, info, debug, trace, silent',
    example: 'info',
  }),
  TRUST_PROXY: Type.String({
    default: 'false',
    pattern: `^(?:true|false|${addressPattern}(?:,${addressPattern})*)$`,
    expects: 'true, false, or the addresses of your proxies',
    example: '10.0.0.0/8',
  }),
  WORKERS: Type.Integer({
    default: 1,
    minimum: 1,
    maximum: 64,
    expects: 'a number of processes from 1 to 64',
    example: '4',
  }),
  STOP_PAUSE_MS: Type.Integer({
    default: 3_000,
    minimum: 0,
    maximum: 60_000,
    expects: 'a number of milliseconds from 0 to 60000',
    example: '3000',
  }),
  METRICS_PORT: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 65_535, expects: 'a port from 0 to 65535', example: '9464' }),
  ),
  TOKEN_CACHE_SIZE: Type.Integer({
    default: 10_000,
    minimum: 0,
    maximum: 1_000_000,
    expects: 'a number of tokens from 0 to 1000000',
    example: '10000',
  }),
  RATE_LIMIT_PER_MINUTE: Type.Integer({
    default: 600,
    minimum: 1,
    expects: 'a number of requests, 1 or more',
    example: '600',
  }),
  MAX_CONCURRENT_REQUESTS: Type.Integer({
    default: 120,
    minimum: 1,
    expects: 'a number of requests, 1 or more',
    example: '120',
  }),

  ENTRA_TENANT_ID: Type.String({
    pattern: `^(?:${guidPattern}|organizations)$`,
    expects: "the tenant's GUID, or organizations",
    example: '3f2504e0-4f89-41d3-9a0c-0305e82c3301',
  }),
  ENTRA_ALLOWED_TENANT_IDS: List(
    Type.String({ pattern: `^${guidPattern}$` }),
    'a GUID',
    '3f2504e0-4f89-41d3-9a0c-0305e82c3301',
  ),
  ENTRA_API_CLIENT_ID: Guid('6b29fc40-ca47-4067-b31d-00dd010662da'),
  ENTRA_API_AUDIENCES: List(Type.String({ minLength: 1 }), 'an audience', 'api://orders'),
  ENTRA_AUTHORITY_HOST: Url('https://login.microsoftonline.us', { default: 'https://login.microsoftonline.com' }),
  ENTRA_ALLOWED_CLIENT_IDS: List(
    Type.String({ pattern: `^${guidPattern}$` }),
    'a GUID',
    '9f0c2f8e-0f3d-4f53-8f0e-1f1f8a1d2b11',
  ),
  ENTRA_ALLOW_GUESTS: Type.Boolean({ default: false, expects: 'true or false', example: 'false' }),

  ENTRA_DOCS_CLIENT_ID: Type.Optional(Guid('9f0c2f8e-0f3d-4f53-8f0e-1f1f8a1d2b11')),

  B2C_TENANT_NAME: Type.Optional(
    Type.String({ pattern: '^[0-9a-zA-Z-]+$', expects: 'the name before .onmicrosoft.com', example: 'contoso' }),
  ),
  B2C_POLICY: List(Type.String({ pattern: '^[Bb]2[Cc]_1[0-9A-Za-z_-]*$' }), 'the name of a policy', 'B2C_1_signin'),
  B2C_API_CLIENT_ID: Type.Optional(Guid('6b29fc40-ca47-4067-b31d-00dd010662da')),
  B2C_AUTHORITY_HOST: Type.Optional(Url('https://contoso.b2clogin.com')),

  GRAPH_BASE_URL: Url('https://graph.microsoft.us', { default: 'https://graph.microsoft.com' }),
  ENTRA_API_CLIENT_SECRET_NAME: Type.Optional(SecretName('api-client-secret')),
  ENTRA_API_CERTIFICATE_NAME: Type.Optional(SecretName('api-certificate')),
  B2C_DIRECTORY_TENANT_ID: Type.Optional(Guid('3f2504e0-4f89-41d3-9a0c-0305e82c3301')),
  B2C_DIRECTORY_CLIENT_ID: Type.Optional(Guid('6b29fc40-ca47-4067-b31d-00dd010662da')),
  B2C_DIRECTORY_CLIENT_SECRET_NAME: Type.Optional(SecretName('b2c-directory-secret')),

  KEY_VAULT_URL: Url('https://my-vault.vault.azure.net'),
  THIRD_PARTY_API_ENDPOINT: Url('https://my-number-api.azurewebsites.net/api/RandomNumber'),
  THIRD_PARTY_API_SECRET_NAME: SecretName('number-api-key'),
  THIRD_PARTY_API_TIMEOUT_MS: Type.Integer({
    default: 5_000,
    minimum: 1,
    maximum: 60_000,
    expects: 'a number of milliseconds from 1 to 60000',
    example: '5000',
  }),
  STORAGE_QUEUE_URL: Urls('https://mystorage.queue.core.windows.net/code-requests'),
  STORAGE_QUEUE_MESSAGE_ENCODING: Type.Enum(['text', 'base64'], {
    default: 'text',
    expects: 'text or base64',
    example: 'text',
  }),

  CODES_TABLE_URL: Url('https://mystorage.table.core.windows.net/codes'),
  CODE_LIFETIME_SECONDS: Type.Integer({
    default: 600,
    minimum: 1,
    maximum: 86_400,
    expects: 'a number of seconds from 1 to 86400 (a day)',
    example: '600',
  }),
  WORKER_IDLE_POLL_MS: Type.Integer({
    default: 5_000,
    minimum: 50,
    maximum: 60_000,
    expects: 'a number of milliseconds from 50 to 60000',
    example: '5000',
  }),

  OTEL_EXPORTER_OTLP_ENDPOINT: CollectorUrl('http://localhost:4318'),
  OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: CollectorUrl('http://localhost:4318/v1/traces'),
  OTEL_EXPORTER_OTLP_PROTOCOL: Type.Optional(
    Type.Enum(['http/protobuf'], { expects: 'http/protobuf, the only one that is here', example: 'http/protobuf' }),
  ),
  OTEL_SDK_DISABLED: Type.Optional(Type.Boolean({ expects: 'true or false', example: 'true' })),
  OTEL_SERVICE_NAME: Type.Optional(Type.String({ expects: 'a name', example: 'code-api' })),
  APPLICATIONINSIGHTS_CONNECTION_STRING: Type.Optional(
    Type.String({
      pattern: '(?:^|;)InstrumentationKey=',
      expects: 'a connection string of Application Insights',
      example: 'InstrumentationKey=…;IngestionEndpoint=https://…',
    }),
  ),

  ENTRA_WEB_CLIENT_ID: Type.Optional(Guid('4c1d2e3f-5a6b-4c7d-8e9f-0a1b2c3d4e5f')),
  ENTRA_WEB_CERTIFICATE_NAME: Type.Optional(SecretName('web-certificate')),
  ENTRA_WEB_CLIENT_SECRET_NAME: Type.Optional(SecretName('web-client-secret')),
  ENTRA_WEB_AUTHORITY: Type.Optional(Url('https://contoso.b2clogin.com/contoso.onmicrosoft.com/B2C_1_signin')),
  ENTRA_WEB_SCOPE: Type.Optional(
    Type.String({
      pattern: '^\\S+/[^\\s/]+$',
      expects: "one scope of this API, with the API's identifier before it",
      example: 'https://contoso.onmicrosoft.com/codes-api/user_impersonation',
    }),
  ),
  WEB_ORIGIN: Type.Optional(
    Type.Refine(
      Type.String({
        pattern: '^https?://[^/?#]+$',
        expects: 'the origin that people open: https, no path (http is accepted on this machine only)',
        example: 'https://codes.contoso.com',
      }),
      isServiceUrl,
    ),
  ),
  WEB_SESSIONS_TABLE_URL: Type.Optional(Url('https://mystorage.table.core.windows.net/sessions')),
  WEB_SESSION_KEY_NAME: Type.Optional(SecretName('web-session-key')),
  WEB_SESSION_IDLE_SECONDS: Type.Integer({
    default: 1_800,
    minimum: 1,
    maximum: 86_400,
    expects: 'a number of seconds from 1 to 86400 (a day)',
    example: '1800',
  }),
  WEB_SESSION_MAX_SECONDS: Type.Integer({
    default: 28_800,
    minimum: 1,
    maximum: 86_400,
    expects: 'a number of seconds from 1 to 86400 (a day)',
    example: '28800',
  }),
})

export type Config = Static<typeof ConfigSchema>

const QueueConfigSchema = Type.Pick(ConfigSchema, ['STORAGE_QUEUE_URL', 'STORAGE_QUEUE_MESSAGE_ENCODING'])

const StorageConfigSchema = Type.Pick(ConfigSchema, [
  'STORAGE_QUEUE_URL',
  'STORAGE_QUEUE_MESSAGE_ENCODING',
  'CODES_TABLE_URL',
])

const TRACING = [
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
  'OTEL_EXPORTER_OTLP_PROTOCOL',
  'OTEL_SDK_DISABLED',
  'OTEL_SERVICE_NAME',
  'APPLICATIONINSIGHTS_CONNECTION_STRING',
] as const

/** The part of the configuration that says where traces go. */
export type TracingConfig = Pick<Config, (typeof TRACING)[number]>

const WorkerConfigSchema = Type.Pick(ConfigSchema, [
  'HOST',
  'METRICS_PORT',
  'LOG_LEVEL',
  'STORAGE_QUEUE_URL',
  'STORAGE_QUEUE_MESSAGE_ENCODING',
  'CODES_TABLE_URL',
  'CODE_LIFETIME_SECONDS',
  'WORKER_IDLE_POLL_MS',
  ...TRACING,
])

/** The part of the configuration that the worker needs. */
export type WorkerConfig = Static<typeof WorkerConfigSchema>

/** What the service needs to know besides when it runs as a function app. */
export const FunctionAppSchema = Type.Object({
  STORAGE_QUEUE_SENDER: Type.Enum(['client', 'binding'], {
    default: 'client',
    expects: 'client or binding',
    example: 'client',
  }),
})

export type FunctionAppConfig = Config & Static<typeof FunctionAppSchema>

const CallersConfigSchema = Type.Pick(ConfigSchema, [
  'ENTRA_TENANT_ID',
  'ENTRA_ALLOWED_TENANT_IDS',
  'ENTRA_API_CLIENT_ID',
  'ENTRA_API_AUDIENCES',
  'ENTRA_AUTHORITY_HOST',
  'ENTRA_ALLOWED_CLIENT_IDS',
  'ENTRA_ALLOW_GUESTS',
  'B2C_TENANT_NAME',
  'B2C_POLICY',
  'B2C_API_CLIENT_ID',
  'B2C_AUTHORITY_HOST',
])

/** The part of the configuration that says who may call. */
export type CallersConfig = Static<typeof CallersConfigSchema>

/** What an application needs to get a token for itself. */
const TokenConfigSchema = Type.Object({
  ENTRA_TENANT_ID: Guid('3f2504e0-4f89-41d3-9a0c-0305e82c3301'),
  ENTRA_AUTHORITY_HOST: ConfigSchema.properties.ENTRA_AUTHORITY_HOST,
  CALLER_CLIENT_ID: Guid('9f0c2f8e-0f3d-4f53-8f0e-1f1f8a1d2b11'),
  CALLER_CLIENT_SECRET: Type.String({ expects: "the client secret of the caller's app registration", example: '…' }),
  CALLER_SCOPE: Type.String({
    expects: 'a scope',
    example: 'api://6b29fc40-ca47-4067-b31d-00dd010662da/.default',
  }),
})

/**
 * Reads the configuration of the service.
 * @param env the process's environment, or another set of variables
 * @throws {ConfigError} naming every variable at fault, what is wrong with it, and an example
 */
export function loadConfig(env: NodeJS.ProcessEnv = process.env): Config {
  const config = readVariables(ConfigSchema, env)
  assertConsistent(config)
  return config
}

/** The same for tools that need the queue alone. */
export function loadQueueConfig(env: NodeJS.ProcessEnv = process.env): Static<typeof QueueConfigSchema> {
  return readVariables(QueueConfigSchema, env)
}

/** The same for tools that need the queue and the table. */
export function loadStorageConfig(env: NodeJS.ProcessEnv = process.env): Static<typeof StorageConfigSchema> {
  return readVariables(StorageConfigSchema, env)
}

/** The same for the worker, which needs to know nothing about callers. */
export function loadWorkerConfig(env: NodeJS.ProcessEnv = process.env): WorkerConfig {
  return readVariables(WorkerConfigSchema, env)
}

/** The same for the function app, which serves one queue. */
export function loadFunctionAppConfig(env: NodeJS.ProcessEnv = process.env): FunctionAppConfig {
  const config = { ...loadConfig(env), ...readVariables(FunctionAppSchema, env) }
  if (config.STORAGE_QUEUE_URL.length > 1) {
    throw new ConfigError(['STORAGE_QUEUE_URL names several queues, and a function app serves one: give it that one'])
  }
  return config
}

/** The same for tools that need to know who may call, and nothing else. */
export function loadCallersConfig(env: NodeJS.ProcessEnv = process.env): CallersConfig {
  const config = readVariables(CallersConfigSchema, env)
  assertConsistent(config)
  return config
}

/** The same for whoever asks for a token. */
export function loadTokenConfig(env: NodeJS.ProcessEnv = process.env): Static<typeof TokenConfigSchema> {
  return readVariables(TokenConfigSchema, env)
}

/** Variables that are all set, or none of them. */
const GROUPS = [
  ['B2C_TENANT_NAME', 'B2C_POLICY', 'B2C_API_CLIENT_ID'],
  ['B2C_DIRECTORY_TENANT_ID', 'B2C_DIRECTORY_CLIENT_ID', 'B2C_DIRECTORY_CLIENT_SECRET_NAME'],
  ['ENTRA_WEB_CLIENT_ID', 'WEB_ORIGIN', 'WEB_SESSIONS_TABLE_URL', 'WEB_SESSION_KEY_NAME'],
]

/** Two ways to prove the same, of which one is in use. */
const CREDENTIALS = [
  ['ENTRA_API_CLIENT_SECRET_NAME', 'ENTRA_API_CERTIFICATE_NAME'],
  ['ENTRA_WEB_CLIENT_SECRET_NAME', 'ENTRA_WEB_CERTIFICATE_NAME'],
] as const

/** Rules that join several variables. */
function assertConsistent(values: Readonly<Record<string, unknown>>): void {
  const isMissing = (name: string) => values[name] === undefined || String(values[name]) === ''
  const faults = GROUPS.flatMap((group) => {
    const missing = group.filter(isMissing)
    if (missing.length === group.length) return []
    return missing.map((name) => `${name} is missing: ${group.join(', ')} go together`)
  })
  const forMany = values['ENTRA_TENANT_ID'] === 'organizations'
  if (forMany && isMissing('ENTRA_ALLOWED_TENANT_IDS')) {
    faults.push('ENTRA_ALLOWED_TENANT_IDS is missing: ENTRA_TENANT_ID=organizations needs the tenants that may call')
  }
  if (!forMany && !isMissing('ENTRA_ALLOWED_TENANT_IDS')) {
    faults.push(
      'ENTRA_ALLOWED_TENANT_IDS is set and ENTRA_TENANT_ID is one tenant: set that to organizations, or unset this',
    )
  }
  for (const [secret, certificate] of CREDENTIALS) {
    if (isMissing(secret) || isMissing(certificate)) continue
    faults.push(`${certificate} is set and ${secret} too: keep one, better the certificate`)
  }
  if (faults.length > 0) throw new ConfigError(faults)
}

/** https everywhere; plain http to this machine only, where no network is crossed. */
function isServiceUrl(text: string): boolean {
  const url = URL.parse(text)
  if (url === null || url.username !== '' || url.hash !== '') return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname))
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname)
}
