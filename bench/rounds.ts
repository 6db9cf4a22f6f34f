/** What one round of one contestant gave. */
export interface Round {
  requestsPerSecond: number
  /** CPU time of the server's process for one request, in microseconds. */
  cpuMicros: number
  /** CPU time of the server over elapsed time: 1 is a whole core. */
  serverShare: number
}

/** Something that can be measured for a while. */
export interface Contestant {
  name: string
  warmUp(ms: number): Promise<void>
  measure(ms: number): Promise<Round>
  stop(): Promise<void>
}

/** The medians of all rounds, and the rounds. */
export interface Measured extends Round {
  name: string
  rounds: readonly Round[]
}

export interface Effort {
  rounds: number
  roundMs: number
  warmUpMs: number
  isQuick: boolean
}

/**
 * Measures all in turn, A B C A B C …, so that whatever else the machine does meets all of them alike; then ends them.
 * @param starters each starts one contestant
 */
export async function runRounds(
  starters: ReadonlyArray<() => Promise<Contestant>>,
  { rounds, roundMs, warmUpMs }: Effort,
): Promise<Measured[]> {
  const contestants: Contestant[] = []
  try {
    for (const start of starters) contestants.push(await start())
    for (const contestant of contestants) await contestant.warmUp(warmUpMs)
    const results = new Map<Contestant, Round[]>(contestants.map((contestant) => [contestant, []]))
    for (let round = 0; round < rounds; round += 1) {
      for (const [contestant, done] of results) done.push(await contestant.measure(roundMs))
    }
    return [...results].map(([{ name }, done]) => ({ name, ...summarize(done), rounds: done }))
  } finally {
    await Promise.all(contestants.map((contestant) => contestant.stop()))
  }
}

function summarize(rounds: readonly Round[]): Round {
  return {
    requestsPerSecond: median(rounds.map((round) => round.requestsPerSecond)),
    cpuMicros: median(rounds.map((round) => round.cpuMicros)),
    serverShare: median(rounds.map((round) => round.serverShare)),
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length / 2
  const [low = Number.NaN, high = Number.NaN] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]]
  return (low + high) / 2
}
