import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { startLocalCloud } from '../../local-cloud/cloud.ts'
import { compareValue } from '../comparison.ts'
import type { Group } from '../group.ts'
import { median } from '../rounds.ts'
import { type ServiceStart, startService } from '../service-start.ts'

/** A start takes half a second; so many show what is usual. */
const STARTS = 5
const QUICK_STARTS = 3

const ROOT = join(import.meta.dirname, '..', '..')
const variants = [
  { name: 'as it is deployed', script: 'bundle/server.js', marks: { seconds: 0.35, megabytes: 110 } },
  { name: 'npm start', script: 'src/server.ts', marks: undefined },
]

/** From nothing to the first answer, and the memory it takes. */
export const start: Group = {
  name: 'start',
  title: 'the API',
  async run({ effort }) {
    await promisify(execFile)(process.execPath, ['tools/bundle.mjs'], { cwd: ROOT })
    const cloud = await startLocalCloud()
    try {
      const starts = variants.map((): ServiceStart[] => [])
      // The first ones find the files in the system's cache for the others, as they usually are.
      for (let i = -1; i < (effort.isQuick ? QUICK_STARTS : STARTS); i += 1) {
        for (const [index, { script }] of variants.entries()) {
          const start = await startService(cloud.serviceEnv, script)
          if (i >= 0) starts[index]?.push(start)
        }
      }
      return {
        rows: variants.flatMap((variant, index) => toRows(variant, starts[index] ?? [])),
        raw: starts,
        ...(starts.flat().some(({ memoryAtAnswer }) => Number.isNaN(memoryAtAnswer)) && {
          notes: ['memory is read from /proc, which this system does not have'],
        }),
      }
    } finally {
      await cloud.stop()
    }
  },
}

function toRows({ name, marks }: (typeof variants)[number], starts: readonly ServiceStart[]) {
  const row = (name: string, unit: 's' | 'MB', figure: keyof ServiceStart, atMost?: number) => {
    const middle = median(starts.map((each) => each[figure]))
    return { name, comparisons: [compareValue(middle, unit, atMost === undefined ? undefined : { atMost })] }
  }
  return [
    row(`${name}: first answer`, 's', 'secondsToAnswer', marks?.seconds),
    row('  memory then', 'MB', 'memoryAtAnswer', marks?.megabytes),
    row('  ready', 's', 'secondsToReady'),
    row('  memory then', 'MB', 'memoryAtReady'),
  ]
}
