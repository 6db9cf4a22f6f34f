import assert from 'node:assert/strict'
import { test } from 'node:test'
import { countTogether } from '../../src/plugins/count-together.ts'

test('counts every event once, in its order, when there are a hundred and whenever somebody asks', () => {
  const counted: number[] = []
  const together = countTogether<number>((event) => counted.push(event))
  for (let event = 0; event < 99; event += 1) together.add(event)
  assert.equal(counted.length, 0)
  together.add(99)
  assert.equal(counted.length, 100)
  together.add(100)
  together.settle()
  together.settle()
  assert.deepEqual(
    counted,
    Array.from({ length: 101 }, (_, index) => index),
  )
})
