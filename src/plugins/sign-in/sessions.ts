import cookie, { Signer } from '@fastify/cookie'
import csrfProtection from '@fastify/csrf-protection'
import session from '@fastify/session'
import type { FastifyPluginAsync, FastifyReply } from 'fastify'
import fp from 'fastify-plugin'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { Credential } from '../../azure/credential.ts'
import { createStorageTable } from '../../azure/storage-table.ts'
import { sweepPartition } from '../../codes/sweep-codes.ts'
import { SignInError, UnavailableError } from '../../errors.ts'
import { createRefreshedValue } from '../refreshed-value.ts'
import { createSealer, type Sealer } from './sealer.ts'
import { createSessionStore, SESSIONS, type Sessions, TOKENS } from './session-store.ts'

const KEY_REFRESH_EVERY_MS = 10 * 60 * 1_000
const KEY_READ_TIMEOUT_MS = 5_000
const SWEEP_EVERY_MS = 60 * 60 * 1_000

interface SessionsOptions {
  /** Whether cookies go over https alone. */
  isSecure: boolean
  tableUrl: string
  credential: Credential
  /** Name of the secret in the vault that has the key, or several separated by commas. */
  keyName: string
  idleSeconds: number
  maxSeconds: number
}

const Form = Type.Object({ _csrf: Type.String() })

declare module 'fastify' {
  interface FastifyInstance {
    sessions: Omit<Sessions, 'store'> & {
      /** Ends a session on the server, and takes its cookie from the browser. */
      end(reply: FastifyReply): Promise<void>
      /** Whether the browser came with a session's cookie, perhaps one that is over. */
      hasCookie(reply: FastifyReply): boolean
    }
  }
}

/**
 * Sessions of people's browsers: a signed, random name in the cookie, everything else in a Storage table, sealed with a key
 * of the vault. No form is accepted without the session's own token (CSRF).
 */
const sessions: FastifyPluginAsync<SessionsOptions> = async (app, options) => {
  const { isSecure, credential, tableUrl, keyName } = options
  const table = createStorageTable({
    url: tableUrl,
    credential,
    unavailable: {
      code: 'sessions_unavailable',
      detail: 'Sessions are out of reach for the moment. Try again shortly.',
    },
  })
  const key = createRefreshedValue({
    load: async (signal) => createSealer(await app.keyVault.getSecret(keyName, signal)),
    loadTimeoutMs: KEY_READ_TIMEOUT_MS,
    refreshEveryMs: KEY_REFRESH_EVERY_MS,
    onFailure: (error) => app.log.warn({ err: error, secret: keyName }, 'the session key could not be read'),
  })
  function sealer(): Sealer {
    if (key.value === undefined) throw new Error('the session key is not there yet')
    return key.value
  }
  const { store, ...kept } = createSessionStore({
    table,
    sealer,
    idleMs: options.idleSeconds * 1_000,
    maxMs: options.maxSeconds * 1_000,
  })
  // A name with this prefix can be set by this very host alone, over https (RFC 6265bis, section 4.1.3.2).
  const cookieName = isSecure ? '__Host-fastify-entra' : 'fastify-entra'
  const cookieOptions = { httpOnly: true, secure: isSecure, sameSite: 'lax', path: '/' } as const

  app.addHook('onRequest', async () => {
    if (key.value !== undefined) return
    await key.refresh().catch((cause: unknown) => {
      throw new UnavailableError('secret_unavailable', 'Sessions are out of reach for the moment.', { cause })
    })
  })
  await app.register(cookie)
  await app.register(session, {
    secret: {
      sign: (value) => new Signer(sealer().signingSecrets).sign(value),
      unsign: (value) => new Signer(sealer().signingSecrets).unsign(value),
    },
    store,
    cookieName,
    cookie: cookieOptions,
    saveUninitialized: false,
  })
  app.addHook('onRequest', async (request) => {
    // Signed with a key that is no longer the first: the plugin would take the cookie away.
    const { startedAt, encryptedSessionId } = request.session
    if (startedAt !== undefined && request.cookies[cookieName] !== encryptedSessionId) await request.session.save()
  })
  await app.register(csrfProtection, {
    sessionPlugin: '@fastify/session',
    getToken: ({ body }) => (Value.Check(Form, body) ? body._csrf : undefined),
  })
  // Every form is for somebody who is signed in.
  app.addHook('preHandler', (request, reply, done) => {
    if (request.method !== 'POST') done()
    else if (request.session.person === undefined) done(sessionOver())
    else app.csrfProtection(request, reply, done)
  })

  app.decorate('sessions', {
    ...kept,
    async end(reply: FastifyReply) {
      await reply.request.session.destroy()
      reply.clearCookie(cookieName, cookieOptions)
    },
    hasCookie: ({ request }: FastifyReply) => request.cookies[cookieName] !== undefined,
  })
  const sweep = async () => {
    for (const partition of [SESSIONS, TOKENS]) while ((await sweepPartition(table, partition)) > 0);
  }
  const sweeping = setInterval(() => {
    sweep().catch((err: unknown) => app.log.warn({ err }, 'past sessions stay in the table for another hour'))
  }, SWEEP_EVERY_MS).unref()
  app.addHook('onClose', async () => {
    clearInterval(sweeping)
    key.stop()
  })
}

export function sessionOver(): SignInError {
  return new SignInError('session_over', 'Your session is over. Sign in once more.')
}

export default fp(sessions, { name: 'sessions', fastify: '5.x', dependencies: ['key-vault'] })
