import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox'
import Fastify, { type FastifyInstance, type FastifyRequest, LogController } from 'fastify'
import { createCredential } from './azure/credential.ts'
import { NO_DEADLINE } from './azure/deadline.ts'
import type { SendMessage } from './azure/storage-queues.ts'
import type { Config } from './config.ts'
import { listIssuers } from './issuers.ts'
import { createLoggerOptions } from './logging.ts'
import type { Tracing } from './open-telemetry.ts'
import apiRoutes from './plugins/api-routes.ts'
import callerLimits from './plugins/caller-limits.ts'
import codesTable from './plugins/codes-table.ts'
import entraAuth from './plugins/entra-auth/index.ts'
import { fetchJsonOverHttps } from './plugins/entra-auth/issuer-metadata.ts'
import forwardedAddress from './plugins/forwarded-address.ts'
import gracefulClose from './plugins/graceful-close.ts'
import graph from './plugins/graph.ts'
import guessLimit from './plugins/guess-limit.ts'
import keyVault from './plugins/key-vault.ts'
import numberApi from './plugins/number-api.ts'
import observedCalls from './plugins/observed-calls.ts'
import overload from './plugins/overload.ts'
import problemDetails, { answerClientError, answerError } from './plugins/problem-details.ts'
import readiness from './plugins/readiness.ts'
import requestDeadline from './plugins/request-deadline.ts'
import { chooseRequestId, readTraceId } from './plugins/request-ids.ts'
import requestLog from './plugins/request-log.ts'
import storageQueue from './plugins/storage-queue.ts'
import docs from './routes/docs.ts'
import getcode from './routes/getcode.ts'
import health from './routes/health.ts'
import helloGraph from './routes/hello-graph.ts'
import home from './routes/home.ts'
import protectedResource from './routes/protected-resource.ts'
import verifyCode from './routes/verify-code.ts'

/** A token may have 16 KiB; with Node's default of 16 KiB for all headers, a longer one would be refused unexplained. */
const MAX_HEADER_BYTES = 32 * 1024
const MAX_BODY_BYTES = 16 * 1024
/** To send all headers, and then the body too: more than any honest client needs for 48 KiB, and an end to slow ones. */
const HEADERS_TIMEOUT_MS = 10_000
const REQUEST_TIMEOUT_MS = 15_000
const CONNECTIONS_CHECKED_EVERY_MS = 2_000
/** For a connection on which nothing moves, as when nobody reads an answer: Node ends it then, or after as much again. */
const STALLED_CONNECTION_MS = 30_000
/** All that a request waits for together; each neighbour has a shorter time of its own. */
const ANSWER_WITHIN_MS = 15_000
/** Far from enough to find one of some 10¹³ codes, and plenty for people's typing errors behind one caller. */
const WRONG_CODES_PER_MINUTE = 100

/**
 * The service, ready to listen. Its neighbours are not waited for: `/readyz` says when they are there.
 * @param tracing undefined: there are no traces
 * @param sendCode puts codes on the queue instead of the service's own client
 */
export async function buildApp(config: Config, tracing?: Tracing, sendCode?: SendMessage): Promise<FastifyInstance> {
  const app = Fastify({
    logger: createLoggerOptions(config.LOG_LEVEL),
    // One line a request comes from the plugin request-log.
    logController: new LogController({ disableRequestLogging: true, requestIdLogLabel: 'requestId' }),
    trustProxy: parseTrustProxy(config.TRUST_PROXY),
    // Faults that Fastify finds before any plugin has its say, such as a URL that cannot be decoded.
    frameworkErrors: answerError,
    clientErrorHandler: answerClientError,
    genReqId: ({ headers }) => chooseRequestId(headers),
    bodyLimit: MAX_BODY_BYTES,
    http: {
      maxHeaderSize: MAX_HEADER_BYTES,
      headersTimeout: HEADERS_TIMEOUT_MS,
      connectionsCheckingInterval: CONNECTIONS_CHECKED_EVERY_MS,
    },
    requestTimeout: REQUEST_TIMEOUT_MS,
    connectionTimeout: STALLED_CONNECTION_MS,
    // A HEAD request must not issue a code; routes that have a harmless GET opt in.
    exposeHeadRoutes: false,
    // A number is not a text: what has the wrong type is refused, not converted.
    ajv: { customOptions: { coerceTypes: false } },
  }).withTypeProvider<TypeBoxTypeProvider>()

  if (config.TRUST_PROXY !== 'false') await app.register(forwardedAddress)
  if (tracing !== undefined) {
    await app.register(tracing.plugin)
    app.addHook('onClose', () => tracing.stop())
  }
  await app.register(requestDeadline, { timeoutMs: ANSWER_WITHIN_MS })
  await app.register(observedCalls, { tracing })
  const { observe } = app.observedCalls
  await app.register(requestLog, {
    callerOf: (request) => app.entraAuth.callerOf(request),
    traceIdOf: tracing?.traceIdOf ?? (({ headers }) => readTraceId(headers)),
  })
  await app.register(problemDetails)
  await app.register(gracefulClose)
  await app.register(apiRoutes)
  app.addHook('onRequest', (request, reply, done) => {
    reply.headers({
      'cache-control': 'no-store',
      'x-content-type-options': 'nosniff',
      'x-request-id': request.id,
    })
    done()
  })

  const credential = createCredential()
  await app.register(keyVault, { url: config.KEY_VAULT_URL, credential, observe })
  await app.register(storageQueue, {
    urls: config.STORAGE_QUEUE_URL,
    credential,
    messageEncoding: config.STORAGE_QUEUE_MESSAGE_ENCODING,
    observe,
    send: sendCode,
  })
  await app.register(codesTable, { url: config.CODES_TABLE_URL, credential, observe })
  await app.register(guessLimit, {
    maxPerMinute: Math.ceil(WRONG_CODES_PER_MINUTE / config.WORKERS),
    keyGenerator: nameCaller,
  })
  await app.register(numberApi, {
    endpoint: config.THIRD_PARTY_API_ENDPOINT,
    timeoutMs: config.THIRD_PARTY_API_TIMEOUT_MS,
    observe,
    secretName: config.THIRD_PARTY_API_SECRET_NAME,
  })
  const issuers = listIssuers(config)
  await app.register(entraAuth, {
    issuers,
    allowedClientIds: config.ENTRA_ALLOWED_CLIENT_IDS,
    allowGuests: config.ENTRA_ALLOW_GUESTS,
    fetchJson: (url, signal) => observe('keys', () => fetchJsonOverHttps(url, signal)),
    // The line of the request says it.
    onRefused(request, refusal) {
      request.refusal = refusal
    },
    tokenCache: config.TOKEN_CACHE_SIZE === 0 ? false : { maxTokens: config.TOKEN_CACHE_SIZE },
  })

  await app.register(graph, {
    baseUrl: config.GRAPH_BASE_URL,
    credential,
    authorityHost: config.ENTRA_AUTHORITY_HOST,
    clientId: config.ENTRA_API_CLIENT_ID,
    secretName: config.ENTRA_API_CLIENT_SECRET_NAME,
    certificateName: config.ENTRA_API_CERTIFICATE_NAME,
    b2c: readB2cDirectory(config),
    observe,
  })

  await app.register(readiness)
  app.readiness.add('keys', app.entraAuth.assertReady)
  app.readiness.add('keyVault', app.numberApi.refreshAccessKey)
  app.readiness.add('queue', app.queue.assertReady)
  app.readiness.add('table', app.codesTable.assertReady)
  app.readiness.add('numberApi', (signal) => app.numberApi.fetchNumber({ ...NO_DEADLINE, signal }))

  if (config.METRICS_PORT !== undefined) {
    // Loaded only where somebody asks for it.
    await app.register(import('./plugins/metrics.ts'), { listen: { host: config.HOST, port: config.METRICS_PORT } })
    await app.register(import('./plugins/request-metrics.ts'))
  }

  await app.register(home, { hasSignIn: config.ENTRA_WEB_CLIENT_ID !== undefined })
  await app.register(health)
  await app.register(docs, { issuers, clientId: config.ENTRA_DOCS_CLIENT_ID })
  await app.register(protectedResource, { issuers })

  await app.register(async (api) => {
    api.entraAuth.protect(api)
    await api.register(callerLimits, { maxPerMinute: config.RATE_LIMIT_PER_MINUTE, keyGenerator: nameCaller })
    await api.register(overload, { maxConcurrent: config.MAX_CONCURRENT_REQUESTS, keyGenerator: nameCaller })
    await api.register(getcode)
    await api.register(verifyCode)
    await api.register(helloGraph)
  })

  if (config.ENTRA_WEB_CLIENT_ID !== undefined) {
    const { webApp } = await import('./web-app.ts')
    await app.register(webApp, { prefix: '/app', config, credential })
  }

  return app
}

/** The same for every request of one application, or of one person through it. */
function nameCaller({ caller: { issuer, kind, clientId, objectId, subject } }: FastifyRequest): string {
  return kind === 'app' ? `${issuer} ${clientId ?? subject}` : `${issuer} ${clientId} ${objectId ?? subject}`
}

function readB2cDirectory(config: Config) {
  const { B2C_DIRECTORY_TENANT_ID: tenantId, B2C_DIRECTORY_CLIENT_ID: clientId } = config
  const { B2C_DIRECTORY_CLIENT_SECRET_NAME: secretName } = config
  if (tenantId === undefined || clientId === undefined || secretName === undefined) return undefined
  return { tenantId, clientId, secretName }
}

function parseTrustProxy(value: string): boolean | string {
  return value === 'true' || value === 'false' ? value === 'true' : value
}
