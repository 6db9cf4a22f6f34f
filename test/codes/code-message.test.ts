import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseMessage } from '../../src/codes/code-message.ts'

const message = { code: 'ojE-161-pTv', timestamp: '2026-11-20T16:54:48.816Z' }
const traceparent = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'

test('a message may say which trace its code was issued in, and one that says it badly is read all the same', () => {
  const read = (more: object) => parseMessage(JSON.stringify({ ...message, ...more }))
  const content = { state: 'new', code: message.code, issuedAtMs: Date.parse(message.timestamp) }
  assert.deepEqual(read({}), { ...content, traceparent: undefined })
  assert.deepEqual(read({ traceparent }), { ...content, traceparent })
  assert.deepEqual(read({ traceparent: 7 }), { ...content, traceparent: undefined })
})
