import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { Session } from 'fastify'
import { createCredential } from '../../../src/azure/credential.ts'
import { createStorageTable } from '../../../src/azure/storage-table.ts'
import { sweepPartition } from '../../../src/codes/sweep-codes.ts'
import { createSealer } from '../../../src/plugins/sign-in/sealer.ts'
import { createSessionStore, digest, SESSIONS, TOKENS } from '../../../src/plugins/sign-in/session-store.ts'
import { startCloud } from '../../helpers/cloud.ts'

const cloud = await startCloud()
const table = createStorageTable({ url: cloud.storage.sessionsTableUrl, credential: createCredential() })
const sealer = createSealer(randomBytes(32).toString('base64'))
const cookie = { originalMaxAge: null }

function openStore() {
  const clock = { nowMs: Date.now() }
  const { store, ...tokens } = createSessionStore({
    table,
    sealer: () => sealer,
    idleMs: 30 * 60_000,
    maxMs: 8 * 60 * 60_000,
    now: () => clock.nowMs,
  })
  return {
    clock,
    ...tokens,
    get: (id: string) =>
      new Promise<Session | null | undefined>((resolve, reject) =>
        store.get(id, (error, session) => (error ? reject(error) : resolve(session))),
      ),
    set: (id: string, session: Session) =>
      new Promise<void>((resolve, reject) => store.set(id, session, (error) => (error ? reject(error) : resolve()))),
    destroy: (id: string) =>
      new Promise<void>((resolve, reject) => store.destroy(id, (error) => (error ? reject(error) : resolve()))),
  }
}

const person = { homeAccountId: 'uma.tenant', name: 'Uma User' }

test('a session ends after half an hour without a request, and not before', async () => {
  const { clock, get, set } = openStore()
  await set('idle', { cookie, person })
  clock.nowMs += 30 * 60_000 - 1
  const session = await get('idle')
  assert.deepEqual(session?.person, person)
  if (session) await set('idle', session)
  clock.nowMs += 30 * 60_000 - 1
  assert.ok(await get('idle'))
  clock.nowMs += 1
  assert.equal(await get('idle'), null)
})

test('a session ends after eight hours, however busy it is, and so do its tokens', async () => {
  const { clock, get, set, addTokens, readTokens } = openStore()
  const session: Session = { cookie, person }
  await set('busy', session)
  await addTokens('busy', person.homeAccountId, 'tokens')
  for (let requests = 0; requests < 23; requests += 1) {
    clock.nowMs += 20 * 60_000
    const found = await get('busy')
    assert.ok(found, `request ${requests}`)
    await set('busy', found)
  }
  assert.equal(await readTokens('busy', person.homeAccountId), 'tokens')
  clock.nowMs += 20 * 60_000
  assert.equal(await get('busy'), null)
  assert.equal(await readTokens('busy', person.homeAccountId), undefined)
})

test('a session that ended stays so, and its tokens too', async () => {
  const { get, set, destroy, addTokens, changeTokens, readTokens } = openStore()
  await set('ended', { cookie, person })
  await addTokens('ended', person.homeAccountId, 'tokens')
  const underWay = await get('ended')
  await destroy('ended')
  if (underWay) await set('ended', underWay)
  await changeTokens('ended', person.homeAccountId, 'newer')
  assert.equal(await get('ended'), null)
  assert.equal(await readTokens('ended', person.homeAccountId), undefined)
})

test('tokens are of one account alone', async () => {
  const { addTokens, changeTokens, readTokens } = openStore()
  await addTokens('one', 'uma.tenant', 'tokens')
  await changeTokens('one', 'uma.tenant', 'newer')
  assert.equal(await readTokens('one', 'uma.tenant'), 'newer')
  assert.equal(await readTokens('one', 'cleo.tenant'), undefined)
  assert.equal(await readTokens('two', 'uma.tenant'), undefined)
})

test('a request that changed nothing does not undo what another one did meanwhile', async () => {
  const { get, set } = openStore()
  await set('slow', { cookie, person })
  const slow = await get('slow')
  const quick = await get('slow')
  if (quick) await set('slow', { ...quick, demand: '' })
  if (slow) await set('slow', Object.assign(slow, { isModified: () => false }))
  assert.equal((await get('slow'))?.demand, '')
})

test('rows that are past are swept away, those of sessions that go on are not', async () => {
  const { clock, get, set, addTokens } = openStore()
  await set('goes on', { cookie, person })
  clock.nowMs -= 10 * 60 * 60_000
  await set('past', { cookie, person })
  await addTokens('past', person.homeAccountId, 'tokens')
  const rows = async () => {
    const found = [SESSIONS, TOKENS].map((partition) => table.findRowKeysBefore(partition, 'expiresAt', '9'))
    return (await Promise.all(found)).map((keys) => keys.includes(digest('past')))
  }
  assert.deepEqual(await rows(), [true, true])
  for (const partition of [SESSIONS, TOKENS]) assert.ok((await sweepPartition(table, partition)) > 0)
  assert.deepEqual(await rows(), [false, false])
  clock.nowMs = Date.now()
  assert.ok(await get('goes on'))
})

test('a session of another version of this service is no session', async () => {
  const { get, set } = openStore()
  await set('strange', { cookie, person: Object({ name: 'Uma User' }) })
  assert.equal(await get('strange'), null)
})
