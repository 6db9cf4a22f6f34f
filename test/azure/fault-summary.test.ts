import assert from 'node:assert/strict'
import { test } from 'node:test'
import { summarizeFault } from '../../src/azure/fault-summary.ts'

test('keeps what failed and where, in one line, and nothing of the request', () => {
  const fault = Object.assign(new Error('first line\nsecond line'), {
    code: 'ECONNRESET',
    statusCode: 500,
    request: 'x',
  })
  const summary = summarizeFault(fault)
  assert.equal(summary.message, 'Error, code ECONNRESET, status 500: first line')
  assert.ok(!String(summary.stack).includes('second line'))
  assert.match(String(summary.stack), /^ {4}at /m)
  assert.deepEqual(Object.keys(summary), [])
})

test('repeats no body of an answer that could not be read: it can be a secret', () => {
  const message = 'Error "Unexpected end" occurred while parsing the response body - {"value":"the-secret'
  const summary = summarizeFault(Object.assign(new Error(message), { code: 'PARSE_ERROR', statusCode: 200 }))
  assert.ok(!`${summary.message}${summary.stack}`.includes('the-secret'))
})

test('says nothing of what is no error', () => {
  assert.equal(summarizeFault('a secret').message, 'an error that is none')
})
