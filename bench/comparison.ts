import { type Measured, median, type Round } from './rounds.ts'

/** Below this share of a core a server had time to spare, and its requests per second say something about others. */
const BUSY_SHARE = 0.9

/** Of a figure that stands alone. */
export type Unit = 's' | 'ms' | 'MB' | 'codes/s' | 'times'

/** What must be reached. */
export type Mark = { atLeast: number } | { atMost: number }

/** How something came out beside what it is held against. */
export interface Comparison {
  /** What it is held against; undefined for a figure that stands alone. */
  reference?: string
  /** Requests per second, as a share of the reference's. */
  requestRatio?: number
  /** The same by CPU time for a request; in a comparison of costs their multiple. */
  cpuRatio?: number
  /** A figure that stands alone. */
  value?: { amount: number; unit: Unit }
  /** Which of them the mark is for. */
  by: 'req/s' | 'CPU' | 'value'
  mark?: Mark
  /** Undefined without a mark. */
  isMet?: boolean
}

/**
 * How much is served, as a share of what the reference serves: the median of the rounds' own shares, because the machine
 * differs less within a round than between two. Requests per second decide, unless one of the two servers was not busy:
 * then the CPU time for a request does, which is what a busy server's speed comes from.
 */
export function compareSpeed(measured: Measured, reference: Measured, mark?: Mark): Comparison {
  const wereBusy = Math.min(measured.serverShare, reference.serverShare) >= BUSY_SHARE
  const requestRatio = medianRatio(measured, reference, (round) => round.requestsPerSecond)
  const cpuRatio = medianRatio(reference, measured, (round) => round.cpuMicros)
  const compared = { reference: reference.name, requestRatio, cpuRatio }
  return wereBusy
    ? { ...compared, by: 'req/s', ...judge(requestRatio, mark) }
    : { ...compared, by: 'CPU', ...judge(cpuRatio, mark) }
}

function medianRatio<R>(
  measured: { rounds: readonly R[] },
  reference: { rounds: readonly R[] },
  read: (round: R) => number,
): number {
  const ratios = measured.rounds.map((round, index) => {
    const other = reference.rounds[index]
    return other === undefined ? Number.NaN : read(round) / read(other)
  })
  return median(ratios)
}

/** CPU time, in all rounds. */
export interface Costs {
  name: string
  rounds: ReadonlyArray<Pick<Round, 'cpuMicros'>>
}

/** How much CPU time a request takes, as a multiple of the reference's: again the median of the rounds' own. */
export function compareCost(measured: Costs, reference: Costs, mark: Mark): Comparison {
  const cpuRatio = medianRatio(measured, reference, (round) => round.cpuMicros)
  return { reference: reference.name, cpuRatio, by: 'CPU', ...judge(cpuRatio, mark) }
}

/** What two take together. */
export function addCosts(name: string, one: Costs, other: Costs): Costs {
  const rounds = one.rounds.map(({ cpuMicros }, index) => ({
    cpuMicros: cpuMicros + (other.rounds[index]?.cpuMicros ?? Number.NaN),
  }))
  return { name, rounds }
}

export function compareValue(amount: number, unit: Unit, mark?: Mark): Comparison {
  return { value: { amount, unit }, by: 'value', ...judge(amount, mark) }
}

function judge(value: number, mark: Mark | undefined): Pick<Comparison, 'mark' | 'isMet'> {
  if (mark === undefined) return {}
  return { mark, isMet: 'atLeast' in mark ? value >= mark.atLeast : value <= mark.atMost }
}
