import assert from 'node:assert/strict'
import { test } from 'node:test'
import { addCosts, compareCost, compareSpeed, compareValue } from '../../bench/comparison.ts'
import type { Measured } from '../../bench/rounds.ts'

function measured(name: string, requestsPerSecond: number, cpuMicros: number, serverShare = 1): Measured {
  const round = { requestsPerSecond, cpuMicros, serverShare }
  return { name, ...round, rounds: [round] }
}

test('busy servers are compared by requests per second', () => {
  const compared = compareSpeed(measured('a', 900, 11), measured('b', 1_000, 10), { atLeast: 0.9 })
  assert.deepEqual([compared.by, compared.requestRatio, compared.isMet], ['req/s', 0.9, true])
})

test('when one server was not busy, CPU time decides, and both ratios are there to read', () => {
  const compared = compareSpeed(measured('a', 900, 20), measured('b', 1_000, 10, 0.6), { atLeast: 0.9 })
  assert.deepEqual([compared.by, compared.requestRatio, compared.cpuRatio, compared.isMet], ['CPU', 0.9, 0.5, false])
})

test('the share is the median of the rounds, each of which met the machine in another mood', () => {
  const of = (name: string, speeds: number[]): Measured => ({
    ...measured(name, 0, 0),
    rounds: speeds.map((requestsPerSecond) => ({ requestsPerSecond, cpuMicros: 1, serverShare: 1 })),
  })
  assert.equal(compareSpeed(of('a', [80, 50, 900]), of('b', [100, 200, 1_000])).requestRatio, 0.8)
})

test('a cost is a multiple of the reference, and a mark for it is an upper bound', () => {
  const reference = measured('b', 1_000, 10)
  assert.equal(compareCost(measured('a', 1_000, 15), reference, { atMost: 1.5 }).isMet, true)
  assert.equal(compareCost(measured('a', 1_000, 16), reference, { atMost: 1.5 }).isMet, false)
})

test('costs are compared round by round, also the sum of two', () => {
  const costs = (name: string, ...micros: number[]) => ({ name, rounds: micros.map((cpuMicros) => ({ cpuMicros })) })
  // The machine was twice as slow in the second round, and for all alike.
  const sum = addCosts('c', costs('a', 4, 8, 3), costs('b', 6, 12, 7))
  assert.deepEqual(sum, costs('c', 10, 20, 10))
  assert.equal(compareCost(costs('d', 11, 22, 99), sum, { atMost: 1.1 }).cpuRatio, 1.1)
  // A round that the other does not have is no figure.
  assert.equal(compareCost(costs('d', 11, 22), costs('c', 10), { atMost: 99 }).isMet, false)
})

test('a figure that could not be measured does not reach its mark, and one without a mark is not judged', () => {
  assert.equal(compareValue(Number.NaN, 'MB', { atMost: 110 }).isMet, false)
  assert.equal(compareValue(1, 's').isMet, undefined)
})
