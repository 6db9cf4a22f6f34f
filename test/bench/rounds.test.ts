import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Contestant, median, runRounds } from '../../bench/rounds.ts'

const effort = { rounds: 2, roundMs: 1, warmUpMs: 1, isQuick: true }

function createContestant(name: string, log: string[], speeds: number[] = []): Contestant {
  return {
    name,
    warmUp: async () => void log.push(`warm ${name}`),
    measure: async () => {
      log.push(name)
      return { requestsPerSecond: speeds.shift() ?? 0, cpuMicros: 1, serverShare: 1 }
    },
    stop: async () => void log.push(`stop ${name}`),
  }
}

test('contestants take turns, and the figures are the medians', async () => {
  const log: string[] = []
  const starters = [async () => createContestant('a', log, [10, 30]), async () => createContestant('b', log, [5, 5])]
  const measured = await runRounds(starters, effort)
  assert.deepEqual(log, ['warm a', 'warm b', 'a', 'b', 'a', 'b', 'stop a', 'stop b'])
  assert.deepEqual(
    measured.map(({ name, requestsPerSecond }) => [name, requestsPerSecond]),
    [
      ['a', 20],
      ['b', 5],
    ],
  )
})

test('when one cannot start, those that run are ended', async () => {
  const log: string[] = []
  const starters = [async () => createContestant('a', log), async () => Promise.reject(new Error('no'))]
  await assert.rejects(runRounds(starters, effort), /no/)
  assert.deepEqual(log, ['stop a'])
})

test('the median of an even number lies between the two in the middle', () => {
  assert.deepEqual([median([3, 1, 2]), median([4, 1, 3, 2]), median([7])], [2, 2.5, 7])
})
