import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Value } from 'typebox/value'
import { NO_DEADLINE } from '../../src/azure/deadline.ts'
import { Code, createCode } from '../../src/codes/code.ts'
import { issueCode } from '../../src/codes/issue-code.ts'

test('puts the number between twice three letters', () => {
  assert.match(createCode(161), /^[A-Za-z]{3}-161-[A-Za-z]{3}$/)
  assert.ok(Value.Check(Code, createCode(0)))
  assert.ok(Value.Check(Code, createCode(Number.MAX_SAFE_INTEGER)))
})

test('300 codes for the same number all differ, and use the whole alphabet', () => {
  const codes = Array.from({ length: 300 }, () => createCode(1))
  assert.equal(new Set(codes).size, codes.length)
  assert.equal(new Set(codes.join('').replace(/[^A-Za-z]/g, '')).size, 52)
})

test('gives a code only after the queue acknowledged it', async () => {
  const acknowledged = Promise.withResolvers<void>()
  const sent: string[] = []
  let given = false
  const issuing = issueCode(
    {
      deadline: NO_DEADLINE,
      numberApi: { fetchNumber: async () => 7 },
      queue: {
        sendMessage: async (text) => {
          sent.push(text)
          await acknowledged.promise
        },
      },
    },
    Date.UTC(2026, 10, 20, 16, 54, 48, 816),
  ).then((issued) => {
    given = true
    return issued
  })
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(sent.length, 1)
  assert.equal(given, false)
  acknowledged.resolve()
  const issued = await issuing
  assert.equal(issued.timestamp, '2026-11-20T16:54:48.816Z')
  assert.deepEqual(sent, [JSON.stringify(issued)])
})

test('sends nothing to the queue when there is no number', async () => {
  const fault = new Error('no number')
  const queue = { sendMessage: () => assert.fail('nothing may be sent') }
  const numberApi = { fetchNumber: () => Promise.reject(fault) }
  await assert.rejects(issueCode({ numberApi, queue, deadline: NO_DEADLINE }), fault)
})

test('puts nothing on the queue when the caller went while the number came', async () => {
  const caller = new AbortController()
  const fetchNumber = async () => {
    caller.abort()
    return 7
  }
  const queue = { sendMessage: () => assert.fail('nobody would have this code') }
  const issuing = issueCode({ numberApi: { fetchNumber }, queue, deadline: { ...NO_DEADLINE, signal: caller.signal } })
  await assert.rejects(issuing, { code: 'caller_gone' })
})
