import { randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { StorageTable } from '../azure/storage-table.ts'
import { partitions } from './code-record.ts'

/**
 * How long the row of a code stays after its time. A second delivery makes no row later than 5 min after that time
 * (advance-code.ts), and one in between finds this row.
 */
const KEEP_MS = 60 * 60 * 1_000
/** One partition at a time: with 256 of them the whole table is seen every 43 minutes. */
const PAUSE_MS = 10_000
/** The most rows that go at a time, and what one transaction takes. */
const MAX_PAGES = 10
const TRANSACTION = 100

type Table = Pick<StorageTable, 'readClock' | 'findRowKeysBefore' | 'deleteEntities'>

interface SweeperOptions {
  table: Table
  onSwept(count: number): void
  onFailure(error: unknown): void
}

/** Deletes rows of codes whose time is long over, a bounded part at a time. Any number of sweepers work side by side. */
export function createSweeper({ table, onSwept, onFailure }: SweeperOptions) {
  const stopping = new AbortController()
  let running: Promise<void> | undefined

  async function sweep(): Promise<void> {
    for (let turn = randomInt(partitions.length); !stopping.signal.aborted; turn += 1) {
      await sleep(PAUSE_MS, undefined, { signal: stopping.signal, ref: false }).catch(() => undefined)
      const partition = partitions[turn % partitions.length]
      if (partition === undefined || stopping.signal.aborted) continue
      await sweepPartition(table, partition).then(onSwept, onFailure)
    }
  }

  return {
    start(): void {
      running ??= sweep()
    },
    async stop(): Promise<void> {
      stopping.abort()
      await running
    },
  }
}

/**
 * By the table's clock: with a clock of its own that is fast, it would delete the rows of valid codes, and a second delivery
 * could make a used one valid again.
 * @returns how many rows were deleted, 10,000 at most
 */
export async function sweepPartition(table: Table, partition: string): Promise<number> {
  const limit = new Date((await table.readClock()) - KEEP_MS).toISOString()
  let count = 0
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const rowKeys = await table.findRowKeysBefore(partition, 'expiresAt', limit)
    for (let at = 0; at < rowKeys.length; at += TRANSACTION) {
      await table.deleteEntities(partition, rowKeys.slice(at, at + TRANSACTION))
    }
    count += rowKeys.length
    if (rowKeys.length === 0) break
  }
  return count
}
