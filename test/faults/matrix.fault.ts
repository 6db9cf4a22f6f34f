import assert from 'node:assert/strict'
import { test } from 'node:test'
import { neighbours } from '../helpers/proxied-cloud.ts'
import { openLane, type SeenRow } from './lane.ts'
import { columns, matrix } from './matrix.ts'

test('under every fault of every neighbour each endpoint answers as the table says, and is well 10 s after it', async (t) => {
  const lanes: Promise<SeenRow[]>[] = []
  for (const neighbour of neighbours) {
    // To start everything at once would take each of them longer than a start may.
    const lane = await openLane(t, neighbour)
    lanes.push(lane.breakAll(matrix[neighbour]))
  }
  const rows = (await Promise.all(lanes)).flat()
  process.stdout.write(format(rows))
  assert.deepEqual(rows.filter(isOdd).map(toCells), [])
})

function isOdd({ row: [, , ...expected], seen, recoveredAfterMs }: SeenRow): boolean {
  return recoveredAfterMs === undefined || seen.some((answer, index) => answer !== expected[index])
}

/** What was seen, and where that is something else what was expected. */
function toCells({ neighbour, row: [fault, when, ...expected], seen, recoveredAfterMs }: SeenRow): string[] {
  const cells = seen.map((answer, index) =>
    answer === expected[index] ? answer : `${answer}, NOT ${String(expected[index])}`,
  )
  const recovered = recoveredAfterMs === undefined ? 'NEVER' : `${(recoveredAfterMs / 1_000).toFixed(1)} s`
  return [neighbour, fault, when, ...cells, recovered]
}

function format(rows: readonly SeenRow[]): string {
  const table = [['neighbour', 'fault', 'when', ...columns, 'well after'], ...rows.map(toCells)]
  const widths = table[0]?.map((_, column) => Math.max(...table.map((cells) => cells[column]?.length ?? 0))) ?? []
  const lines = table.map((cells) => cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  '))
  const odd = rows.filter(isOdd).length
  return `\n${lines.join('\n')}\n\n${rows.length} faults, ${odd === 0 ? 'all as expected' : `${odd} NOT as expected`}\n`
}
