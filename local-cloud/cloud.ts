import { randomBytes } from 'node:crypto'
import { createCertificateAuthority } from './certificate-authority.ts'
import { createClock } from './clock.ts'
import {
  api,
  apiCertificateName,
  apiSecretName,
  b2c,
  b2cCaller,
  b2cDirectoryReader,
  b2cDirectorySecretName,
  b2cWebApp,
  b2cWebSecretName,
  caller,
  consoleApp,
  docsApp,
  externalWebApp,
  numberApiKeyName,
  tenant,
  webApp,
  webCertificateName,
  webSessionKeyName,
} from './directory.ts'
import { createGrants } from './entra/authorization-codes.ts'
import { createIssuer } from './entra/issuer.ts'
import { registerEntra } from './entra/service.ts'
import { createTokens } from './entra/tokens.ts'
import { createFaults, type Part } from './faults.ts'
import { registerGraph } from './graph.ts'
import { createSecrets, registerKeyVault } from './key-vault.ts'
import { identityHeader, registerManagedIdentity } from './managed-identity.ts'
import { registerNumberApi } from './number-api.ts'
import { createServer, listen } from './server.ts'
import { provisionStorage, type StoragePorts, startStorage } from './storage.ts'

export type Ports = Record<Part, number> & StoragePorts

/** The same every time, so that addresses can be remembered and bookmarked. */
export const fixedPorts: Ports = {
  entra: 8401,
  keyVault: 8402,
  numberApi: 8403,
  managedIdentity: 8404,
  graph: 8405,
  blob: 8410,
  queue: 8411,
  table: 8412,
}

/** Any ports that are free, for tests that run side by side. */
export const freePorts: Ports = {
  entra: 0,
  keyVault: 0,
  numberApi: 0,
  managedIdentity: 0,
  graph: 0,
  blob: 0,
  queue: 0,
  table: 0,
}

/** Starts everything that the service talks to in Azure, on this machine. Ready when it resolves. */
export async function startLocalCloud({ ports = freePorts }: { ports?: Ports } = {}) {
  const authority = await createCertificateAuthority()
  const clock = createClock()
  const faults = createFaults()
  const [issuer, b2cIssuer, externalIssuer, storage] = await Promise.all([
    createIssuer(clock),
    createIssuer(clock),
    createIssuer(clock),
    startStorage(ports, authority),
  ])
  const issuers = { v2: issuer, v1: issuer, 'multi-tenant': issuer, b2c: b2cIssuer, 'external-id': externalIssuer }
  const origins = { entra: '', keyVault: '', numberApi: '', managedIdentity: '', graph: '' }
  const tokens = createTokens(
    issuers,
    () => origins.entra,
    () => origins.graph,
  )
  let numberApiKey = randomBytes(24).toString('base64url')
  const apiCertificate = await authority.issueClientCertificate()
  const callerCertificate = await authority.issueClientCertificate()
  const webCertificate = await authority.issueClientCertificate()
  const secrets = createSecrets({
    [numberApiKeyName]: numberApiKey,
    [apiSecretName]: api.secret,
    [apiCertificateName]: apiCertificate.pem,
    [b2cDirectorySecretName]: b2cDirectoryReader.secret,
    [webCertificateName]: webCertificate.pem,
    [b2cWebSecretName]: b2cWebApp.secret,
    [webSessionKeyName]: randomBytes(32).toString('base64'),
  })
  const callerCertificateFile = await authority.writeFile('caller.pem', callerCertificate.pem)
  const certificates = new Map([
    [api.clientId, apiCertificate.certificate],
    [caller.clientId, callerCertificate.certificate],
    // One file for both callers is enough on one machine.
    [b2cCaller.clientId, callerCertificate.certificate],
    [webApp.clientId, webCertificate.certificate],
    [externalWebApp.clientId, webCertificate.certificate],
  ])
  const clientSecrets = new Map([[api.clientId, api.secret]])
  const onBehalfOfRequests: Readonly<Record<string, unknown>>[] = []

  const servers = {
    entra: createServer('entra', faults, authority.server),
    keyVault: createServer('keyVault', faults, authority.server),
    numberApi: createServer('numberApi', faults, authority.server),
    managedIdentity: createServer('managedIdentity', faults, null),
    graph: createServer('graph', faults, authority.server),
  }
  const grants = createGrants()
  const lifetime = { seconds: 3_599 }
  const consents = new Set<string>()
  const entraParts = { issuers, tokens, grants, lifetime, consents, certificates, clientSecrets, onBehalfOfRequests }
  await registerEntra(servers.entra, entraParts, () => origins.entra)
  await registerGraph(servers.graph, issuer, () => origins.graph)
  await registerKeyVault(servers.keyVault, {
    issuer,
    secrets,
    authority: () => origins.entra,
    origin: () => origins.keyVault,
  })
  await registerNumberApi(servers.numberApi, () => numberApiKey)
  await registerManagedIdentity(servers.managedIdentity, tokens)

  async function stop(): Promise<void> {
    const closing = Object.values(servers).map((server) => server.close())
    await Promise.all([...closing, storage.stop()])
    await authority.remove()
  }

  try {
    origins.entra = await listen(servers.entra, ports.entra)
    origins.keyVault = await listen(servers.keyVault, ports.keyVault)
    origins.numberApi = await listen(servers.numberApi, ports.numberApi)
    origins.managedIdentity = await listen(servers.managedIdentity, ports.managedIdentity)
    origins.graph = await listen(servers.graph, ports.graph)
    await provisionStorage(storage, tokens)
  } catch (error) {
    await stop()
    throw error
  }

  return {
    origins,
    clock,
    faults,
    issuer,
    tokens,
    storage,
    secrets,
    /** Certificate and key of this machine, for further servers beside the cloud's own. */
    certificate: authority.server,
    /** Every on-behalf-of request that Entra got, its fields as they came. */
    onBehalfOfRequests,
    /** What points the service, and `DefaultAzureCredential` in it, at this cloud. */
    serviceEnv: {
      NODE_EXTRA_CA_CERTS: authority.caFile,
      ENTRA_TENANT_ID: tenant.id,
      ENTRA_API_CLIENT_ID: api.clientId,
      ENTRA_AUTHORITY_HOST: origins.entra,
      ENTRA_DOCS_CLIENT_ID: docsApp.clientId,
      B2C_TENANT_NAME: b2c.tenantName,
      B2C_POLICY: b2c.policy,
      B2C_API_CLIENT_ID: b2c.apiClientId,
      B2C_AUTHORITY_HOST: origins.entra,
      GRAPH_BASE_URL: origins.graph,
      ENTRA_API_CLIENT_SECRET_NAME: apiSecretName,
      B2C_DIRECTORY_TENANT_ID: b2c.tenantId,
      B2C_DIRECTORY_CLIENT_ID: b2cDirectoryReader.clientId,
      B2C_DIRECTORY_CLIENT_SECRET_NAME: b2cDirectorySecretName,
      KEY_VAULT_URL: origins.keyVault,
      THIRD_PARTY_API_ENDPOINT: `${origins.numberApi}/api/RandomNumber`,
      THIRD_PARTY_API_SECRET_NAME: numberApiKeyName,
      STORAGE_QUEUE_URL: storage.queueUrl,
      CODES_TABLE_URL: storage.tableUrl,
      ENTRA_WEB_CLIENT_ID: webApp.clientId,
      ENTRA_WEB_CERTIFICATE_NAME: webCertificateName,
      WEB_ORIGIN: 'http://127.0.0.1:3000',
      WEB_SESSIONS_TABLE_URL: storage.sessionsTableUrl,
      WEB_SESSION_KEY_NAME: webSessionKeyName,
      // Looking costs nothing here, and nobody likes to wait for it.
      WORKER_IDLE_POLL_MS: '100',
      STOP_PAUSE_MS: '0',
      AZURE_TOKEN_CREDENTIALS: 'ManagedIdentityCredential',
      IDENTITY_ENDPOINT: `${origins.managedIdentity}/msi/token`,
      IDENTITY_HEADER: identityHeader,
    },
    /** What a calling service would have: its own registration, and the API's scope. */
    callerEnv: {
      LOCAL_CLOUD_CA_FILE: authority.caFile,
      CALLER_CLIENT_ID: caller.clientId,
      CALLER_CLIENT_SECRET: caller.secret,
      CALLER_SCOPE: `${api.identifierUri}/.default`,
      CALLER_CERTIFICATE_FILE: callerCertificateFile,
      B2C_CALLER_CLIENT_ID: b2cCaller.clientId,
      B2C_CALLER_CLIENT_SECRET: b2cCaller.secret,
      B2C_CALLER_CERTIFICATE_FILE: callerCertificateFile,
      B2C_CALLER_SCOPE: `https://${b2c.tenantName}.onmicrosoft.com/codes-api/.default`,
      CONSOLE_CLIENT_ID: consoleApp.clientId,
    },
    /** What an administrator may do to everybody's sign-ins. */
    revokeRefreshTokens: grants.revokeRefreshTokens,
    /** What Entra says how long its access tokens are good for; those that end soon are refreshed. */
    setTokenLifetime(seconds: number): void {
      lifetime.seconds = seconds
    },
    /** Gives the number API a new access key, and the vault too unless `inVault` is false. */
    rotateNumberApiKey({ inVault = true } = {}): void {
      numberApiKey = randomBytes(24).toString('base64url')
      if (inVault) secrets.set(numberApiKeyName, numberApiKey)
    },
    /** Gives the API's app registration a new client secret, and the vault too. */
    rotateApiSecret(secret = randomBytes(24).toString('base64url')): void {
      clientSecrets.set(api.clientId, secret)
      secrets.set(apiSecretName, secret)
    },
    stop,
  }
}

export type LocalCloud = Awaited<ReturnType<typeof startLocalCloud>>
