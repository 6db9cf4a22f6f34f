import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createRotation } from '../../src/azure/rotation.ts'

test('each has its turn, and the next ones stand by', () => {
  const rotation = createRotation(['a', 'b', 'c'])
  const orders = Array.from({ length: 4 }, () => rotation.next(0).join(''))
  assert.deepEqual(orders, ['abc', 'bca', 'cab', 'abc'])
})

test('one that failed comes last for 5 s', () => {
  const rotation = createRotation(['a', 'b', 'c'])
  assert.equal(rotation.failed('b', 0), true)
  const orders = Array.from({ length: 3 }, () => rotation.next(4_999).join(''))
  assert.deepEqual(orders, ['acb', 'cab', 'acb'])
})

test('one whose rest is over is tried by one caller, and by all once that has succeeded', () => {
  const rotation = createRotation(['a', 'b'])
  rotation.failed('b', 0)
  assert.deepEqual(rotation.next(5_000), ['b', 'a'])
  assert.deepEqual(rotation.next(5_001), ['a', 'b'], 'it is still being tried')
  assert.equal(rotation.failed('b', 5_002), false, 'that is no news')
  assert.deepEqual(rotation.next(10_001), ['a', 'b'])
  assert.deepEqual(rotation.next(10_002), ['b', 'a'])
  rotation.succeeded('b')
  assert.deepEqual([rotation.next(10_003), rotation.next(10_003)].flat().sort(), ['a', 'a', 'b', 'b'])
})

test('one alone is tried whatever happened, and so are all that failed', () => {
  const alone = createRotation(['a'])
  alone.failed('a', 0)
  assert.deepEqual(alone.next(1), ['a'])
  const both = createRotation(['a', 'b'])
  both.failed('a', 0)
  both.failed('b', 0)
  assert.deepEqual(both.next(1).toSorted(), ['a', 'b'])
})
