import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readTraceId } from '../../src/plugins/request-ids.ts'

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736'
const PARENT = '00f067aa0ba902b7'

/** Trace Context (W3C), section 3.2. */
const headers: Array<[traceparent: string, traceId: string | undefined]> = [
  [`00-${TRACE}-${PARENT}-01`, TRACE],
  [`00-${TRACE}-${PARENT}-00`, TRACE],
  [`cc-${TRACE}-${PARENT}-01-what-the-future-will-be-like`, TRACE],
  [`00-${TRACE}-${PARENT}-01-more`, undefined],
  [`ff-${TRACE}-${PARENT}-01`, undefined],
  [`00-${'0'.repeat(32)}-${PARENT}-01`, undefined],
  [`00-${TRACE}-${'0'.repeat(16)}-01`, undefined],
  [`00-${TRACE.toUpperCase()}-${PARENT}-01`, undefined],
  [`00-${TRACE}-${PARENT}`, undefined],
  ['', undefined],
]
for (const [traceparent, traceId] of headers) {
  test(`traceparent ${JSON.stringify(traceparent)} names ${traceId ?? 'no trace'}`, () => {
    assert.equal(readTraceId({ traceparent }), traceId)
  })
}

test('no traceparent names no trace', () => {
  assert.equal(readTraceId({}), undefined)
})
