import { join } from 'node:path'
import { eventually, type Running } from '../helpers/processes.ts'

/** What a process needs in its environment to be watched. */
export const watched = { NODE_OPTIONS: `--import ${join(import.meta.dirname, 'vitals.mjs')}` }

interface Sample {
  atMs: number
  bytes: number
  handles: number
}

/** Follows how much a process holds. */
export function watchVitals(running: Running) {
  const samples: Sample[] = []
  const read = () => [...running.output().matchAll(/^vitals (\d+) (\d+)$/gm)]

  return {
    async sample(): Promise<void> {
      const before = read().length
      running.child.kill('SIGWINCH')
      const [, bytes, handles] = await eventually(() => read()[before], 'the process tells its vitals')
      samples.push({ atMs: Date.now(), bytes: Number(bytes), handles: Number(handles) })
    },
    get first(): Sample | undefined {
      return samples[0]
    },
    get last(): Sample | undefined {
      return samples.at(-1)
    },
    /** Bytes a minute, over the second half of the time: by then everything that is kept on purpose is there. */
    get bytesPerMinute(): number {
      return slope(samples.slice(Math.floor(samples.length / 2))) * 60_000
    },
  }
}

/** Least squares, in bytes a millisecond. */
function slope(samples: readonly Sample[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
  const meanTime = mean(samples.map(({ atMs }) => atMs))
  const meanBytes = mean(samples.map(({ bytes }) => bytes))
  const products = samples.map(({ atMs, bytes }) => (atMs - meanTime) * (bytes - meanBytes))
  const squares = samples.map(({ atMs }) => (atMs - meanTime) ** 2)
  return mean(squares) === 0 ? 0 : mean(products) / mean(squares)
}
