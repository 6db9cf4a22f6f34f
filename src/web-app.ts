import formbody from '@fastify/formbody'
import rateLimit from '@fastify/rate-limit'
import type { FastifyPluginAsync } from 'fastify'
import type { Credential } from './azure/credential.ts'
import type { Config } from './config.ts'
import { rateLimited } from './plugins/problem-details.ts'
import signIn from './plugins/sign-in/index.ts'
import sessions from './plugins/sign-in/sessions.ts'
import { countdownRoute } from './routes/sign-in/countdown.ts'
import signInRoutes from './routes/sign-in/index.ts'

const MINUTE_MS = 60_000

interface WebAppOptions {
  config: Config
  credential: Credential
}

/** The application that people sign in to; register it under `/app`. Loaded only where it is configured. */
export const webApp: FastifyPluginAsync<WebAppOptions> = async (app, { config, credential }) => {
  const { WEB_ORIGIN: origin, ENTRA_WEB_CLIENT_ID: clientId } = config
  const { WEB_SESSIONS_TABLE_URL: tableUrl, WEB_SESSION_KEY_NAME: keyName } = config
  if (origin === undefined || clientId === undefined || tableUrl === undefined || keyName === undefined) return
  await app.register(rateLimit, {
    global: false,
    max: config.RATE_LIMIT_PER_MINUTE,
    timeWindow: MINUTE_MS,
    enableDraftSpec: true,
    errorResponseBuilder: (_request, { max, ttl }) => rateLimited(max, Math.ceil(ttl / 1_000)),
  })
  // Before the session is looked up in its table, and for paths that do not exist too.
  app.addHook('onRequest', app.rateLimit())
  await app.register(countdownRoute)

  await app.register(async (pages) => {
    await pages.register(formbody)
    await pages.register(sessions, {
      isSecure: origin.startsWith('https:'),
      tableUrl,
      credential,
      keyName,
      idleSeconds: config.WEB_SESSION_IDLE_SECONDS,
      maxSeconds: config.WEB_SESSION_MAX_SECONDS,
    })
    await pages.register(signIn, {
      authority: config.ENTRA_WEB_AUTHORITY ?? `${config.ENTRA_AUTHORITY_HOST}/${config.ENTRA_TENANT_ID}`,
      clientId,
      scope: config.ENTRA_WEB_SCOPE ?? `api://${config.ENTRA_API_CLIENT_ID}/user_impersonation`,
      redirectUri: `${origin}/app/redirect`,
      secretName: config.ENTRA_WEB_CLIENT_SECRET_NAME,
      certificateName: config.ENTRA_WEB_CERTIFICATE_NAME,
      credential,
    })
    await pages.register(signInRoutes, { origin, codeLifetimeSeconds: config.CODE_LIFETIME_SECONDS })
  })
}
