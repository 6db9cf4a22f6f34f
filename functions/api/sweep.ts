import { randomInt } from 'node:crypto'
import type { TimerHandler } from '@azure/functions'
import type { StorageTable } from '../../src/azure/storage-table.ts'
import { partitions } from '../../src/codes/code-record.ts'
import { sweepPartition } from '../../src/codes/sweep-codes.ts'

/**
 * Deletes rows of codes whose time is long over. It ends with the first failure, and begins anywhere, so that none of the
 * partitions is always the last.
 */
export function createSweep(table: StorageTable): TimerHandler {
  return async (_timer, context) => {
    let count = 0
    const start = randomInt(partitions.length)
    for (const partition of [...partitions.slice(start), ...partitions.slice(0, start)]) {
      count += await sweepPartition(table, partition)
    }
    context.info(`${count} rows swept`)
  }
}
