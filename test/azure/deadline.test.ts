import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { withDeadline } from '../../src/azure/deadline.ts'

test('work that does not end is given up, is told so, and the error names the whole time', async () => {
  let signal: AbortSignal | undefined
  const hanging = (given: AbortSignal) => {
    signal = given
    return new Promise<never>(() => undefined)
  }
  const [outcome] = await Promise.allSettled([withDeadline(hanging, 10, 5_000), sleep(50)])
  assert.ok(outcome.status === 'rejected')
  assert.equal(outcome.reason.code, 'ETIMEDOUT')
  assert.match(outcome.reason.message, /within 5000 ms/)
  assert.equal(signal?.aborted, true)
})

test('the signal of work that has ended does not fire any more', async () => {
  const signal = await withDeadline(async (given) => given, 10)
  await sleep(50)
  assert.equal(signal.aborted, false)
})
