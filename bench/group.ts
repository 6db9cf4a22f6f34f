import type { Comparison } from './comparison.ts'
import type { Load } from './load/load.ts'
import type { Effort, Measured } from './rounds.ts'
import type { TokenFiles } from './tokens/token-files.ts'

/** What every group of measurements gets. */
export interface Bench {
  load: Load
  tokens: TokenFiles
  effort: Effort
}

/** One line of the report, and further ones when it is compared with several. */
export interface Row {
  name: string
  measured?: Measured
  comparisons: readonly Comparison[]
}

export interface Result {
  rows: readonly Row[]
  /** What a reader must know. */
  notes?: readonly string[]
  /** Single measurements behind the figures, where the rows do not have them. */
  raw?: readonly unknown[]
}

/** Measurements that belong together. */
export interface Group {
  name: string
  /** What is measured, in a few words. */
  title: string
  run(bench: Bench): Promise<Result>
}

/** @throws {Error} when nothing of that name was measured */
export function find(measured: readonly Measured[], name: string): Measured {
  const found = measured.find((candidate) => candidate.name === name)
  if (found === undefined) throw new Error(`${name} was not measured`)
  return found
}
