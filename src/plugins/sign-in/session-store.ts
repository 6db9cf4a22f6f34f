import { createHash } from 'node:crypto'
import type { SessionStore } from '@fastify/session'
import type { Session } from 'fastify'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { StorageTable } from '../../azure/storage-table.ts'
import { IssuedCode } from '../../codes/code.ts'
import type { Sealer } from './sealer.ts'

/** Who signed in, as far as the pages need to know before they ask for more. */
const Person = Type.Object({
  homeAccountId: Type.String(),
  name: Type.String(),
  loginHint: Type.Optional(Type.String()),
})

const Flow = Type.Object({
  state: Type.String(),
  nonce: Type.String(),
  verifier: Type.String(),
  /** Where to go afterwards: a path of this application. */
  to: Type.String(),
})

/** What a browser's session holds. Nothing of it is in the cookie but the session's random name. */
const SessionData = Type.Object({
  /** Milliseconds since the epoch; set by the store when it first sees a session. */
  startedAt: Type.Optional(Type.Number()),
  /** A sign-in that is under way. */
  flow: Type.Optional(Flow),
  person: Type.Optional(Person),
  /** What Entra wants of the person before this service may act for them; JSON, or empty when it is consent alone. */
  demand: Type.Optional(Type.String()),
  /** The last code that the person got. */
  code: Type.Optional(IssuedCode),
  /** Shown once. */
  notice: Type.Optional(Type.Object({ isGood: Type.Boolean(), text: Type.String() })),
  /** Of @fastify/csrf-protection. */
  _csrf: Type.Optional(Type.String()),
})
type SessionData = Type.Static<typeof SessionData>

declare module 'fastify' {
  interface Session extends SessionData {}
}

const Row = Type.Object({ sealed: Type.String(), expiresAt: Type.String() })

/** Partitions of the table: one row for each session, and one for the tokens of who signed in with it. */
export const SESSIONS = 'session'
export const TOKENS = 'tokens'

interface SessionStoreOptions {
  table: Pick<StorageTable, 'insert' | 'find' | 'update' | 'deleteEntities' | 'findRowKeysWith'>
  sealer: () => Sealer
  /** Milliseconds without a request after which a session is over. */
  idleMs: number
  /** Milliseconds from its start after which a session is over in any case. */
  maxMs: number
  /** Milliseconds since the epoch. */
  now?: () => number
}

/**
 * Sessions and tokens in a Storage table, which every replica shares. A row is named by a digest of the session's id, so
 * that who reads the table cannot take over a session, and sealed for that row, so that it serves in no other.
 */
export function createSessionStore({ table, sealer, idleMs, maxMs, now = Date.now }: SessionStoreOptions) {
  const endOf = (startedAt: number) => new Date(Math.min(now() + idleMs, startedAt + maxMs)).toISOString()

  async function find(partitionKey: string, rowKey: string, context: string): Promise<string | undefined> {
    const found = await table.find({ partitionKey, rowKey })
    if (found === undefined) return undefined
    const { sealed, expiresAt } = Value.Parse(Row, found.properties)
    return now() < Date.parse(expiresAt) ? sealer().open(sealed, context) : undefined
  }

  async function load(sessionId: string): Promise<Session | null> {
    const rowKey = digest(sessionId)
    const text = await find(SESSIONS, rowKey, sessionContext(rowKey))
    if (text === undefined) return null
    const data: unknown = JSON.parse(text)
    // One of another version of this service: the person signs in again.
    return Value.Check(SessionData, data) ? { ...data, cookie: { originalMaxAge: null } } : null
  }

  /**
   * A session that has a start must be there already: one that was ended while a request was under way stays ended. Its
   * contents are written when that request changed them, so that a slow request does not undo what a quick one did.
   */
  async function save(sessionId: string, session: Session): Promise<void> {
    const keys = { partitionKey: SESSIONS, rowKey: digest(sessionId) }
    if (session.startedAt === undefined) {
      session.startedAt = now()
      await table.insert({ ...keys, ...toRow(keys.rowKey, session), expiresAt: endOf(session.startedAt) })
      return
    }
    const row = isUnmodified(session) ? {} : toRow(keys.rowKey, session)
    await table.update({ ...keys, ...row, expiresAt: endOf(session.startedAt) }, '*')
  }

  function toRow(rowKey: string, { cookie: _cookie, ...data }: Session) {
    const sealed = sealer().seal(JSON.stringify(data), sessionContext(rowKey))
    return { sealed }
  }

  function toTokensRow(sessionId: string, homeAccountId: string, tokens: string) {
    const rowKey = digest(sessionId)
    return { partitionKey: TOKENS, rowKey, sealed: sealer().seal(tokens, tokensContext(rowKey, homeAccountId)) }
  }

  async function end(rowKey: string): Promise<void> {
    await Promise.all([SESSIONS, TOKENS].map((partition) => table.deleteEntities(partition, [rowKey])))
  }

  const store: SessionStore = {
    get(sessionId, callback) {
      load(sessionId).then((session) => callback(null, session), callback)
    },
    set(sessionId, session, callback) {
      save(sessionId, session).then(() => callback(), callback)
    },
    destroy(sessionId, callback) {
      end(digest(sessionId)).then(() => callback(), callback)
    },
  }

  return {
    store,
    /** MSAL's tokens of the person who signed in with this session; undefined when there are none any more. */
    async readTokens(sessionId: string, homeAccountId: string): Promise<string | undefined> {
      const rowKey = digest(sessionId)
      return await find(TOKENS, rowKey, tokensContext(rowKey, homeAccountId))
    },
    /**
     * Keeps them for a session that begins.
     * @param sid Entra's own session; tokens are there only for people who signed in, so that it is found among few
     */
    async addTokens(sessionId: string, homeAccountId: string, tokens: string, sid?: string): Promise<void> {
      const expiresAt = new Date(now() + maxMs).toISOString()
      const found = sid === undefined ? {} : { sid: digest(sid) }
      await table.insert({ ...toTokensRow(sessionId, homeAccountId, tokens), ...found, expiresAt })
    },
    /** Keeps newer ones, unless the session has ended meanwhile. */
    async changeTokens(sessionId: string, homeAccountId: string, tokens: string): Promise<void> {
      await table.update(toTokensRow(sessionId, homeAccountId, tokens), '*')
    },
    /** Ends every session of one of Entra's own. */
    async endBySid(sid: string): Promise<void> {
      await Promise.all((await table.findRowKeysWith(TOKENS, 'sid', digest(sid))).map(end))
    },
  }
}

export type Sessions = ReturnType<typeof createSessionStore>

export function digest(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

const sessionContext = (rowKey: string) => `${SESSIONS} ${rowKey}`
const tokensContext = (rowKey: string, homeAccountId: string) => `${TOKENS} ${rowKey} ${homeAccountId}`

/** @fastify/session passes its own object, which knows. */
function isUnmodified(session: Session): boolean {
  return 'isModified' in session && typeof session.isModified === 'function' && session.isModified() === false
}
