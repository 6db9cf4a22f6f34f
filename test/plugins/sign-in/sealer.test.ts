import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { createSealer } from '../../../src/plugins/sign-in/sealer.ts'

const newKey = () => randomBytes(32).toString('base64')
const key = newKey()
const sealer = createSealer(key)

test('opens what was sealed for the same place, and says nothing of it', () => {
  for (const text of ['', 'Uma User', '🎉'.repeat(10_000)]) {
    const sealed = sealer.seal(text, 'session 1')
    assert.equal(sealer.open(sealed, 'session 1'), text)
    assert.notEqual(sealer.seal(text, 'session 1'), sealed)
  }
})

test('opens nothing for another place, nothing that was changed, and nothing of another key', () => {
  const sealed = sealer.seal('Uma User', 'session 1')
  const [id = '', body = ''] = sealed.split('.')
  assert.equal(sealer.open(sealed, 'session 2'), undefined)
  assert.equal(createSealer(newKey()).open(sealed, 'session 1'), undefined)
  const bytes = Buffer.from(body, 'base64url')
  for (let at = 0; at < bytes.length; at += 1) {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ 1
    assert.equal(sealer.open(`${id}.${changed.toString('base64url')}`, 'session 1'), undefined, `byte ${at}`)
    assert.equal(sealer.open(`${id}.${bytes.subarray(0, at).toString('base64url')}`, 'session 1'), undefined)
  }
  for (const other of ['', '.', id, `${id}.`, `x.${body}`]) assert.equal(sealer.open(other, 'session 1'), undefined)
})

test('of several keys the first seals, and all open', () => {
  const old = sealer.seal('old', 'here')
  const both = createSealer(`${newKey()}, ${key}`)
  assert.equal(both.open(old, 'here'), 'old')
  assert.equal(sealer.open(both.seal('new', 'here'), 'here'), undefined)
  assert.equal(both.signingSecrets.length, 2)
})

test('refuses keys that are too short to be any, without repeating them', () => {
  for (const secrets of ['', 'secret', `${key},`, `${key},secret`]) {
    assert.throws(() => createSealer(secrets), /^Error: the session key is too short: make one with openssl/)
  }
})
