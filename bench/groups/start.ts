import { type LocalCloud, startLocalCloud } from '../../local-cloud/cloud.ts'
import { compareValue } from '../comparison.ts'
import type { Group } from '../group.ts'
import { median } from '../rounds.ts'
import { type ServiceStart, startService } from '../service-start.ts'

/** A start takes half a second; so many show what is usual. */
const STARTS = 7
const QUICK_STARTS = 3

/** From nothing to the first answer, and the memory it takes. */
export const start: Group = {
  name: 'start',
  title: 'npm start',
  async run({ effort }) {
    const cloud = await startLocalCloud()
    try {
      const starts = await startAgainAndAgain(cloud, effort.isQuick ? QUICK_STARTS : STARTS)
      const middle = (figure: (start: ServiceStart) => number) => median(starts.map(figure))
      return {
        rows: [
          { name: 'first answer', comparisons: [compareValue(middle(secondsToAnswer), 's', { atMost: 0.35 })] },
          { name: 'memory then', comparisons: [compareValue(middle(memoryAtAnswer), 'MB', { atMost: 110 })] },
          { name: 'ready', comparisons: [compareValue(middle(secondsToReady), 's')] },
          { name: 'memory then', comparisons: [compareValue(middle(memoryAtReady), 'MB')] },
        ],
        raw: starts,
        ...(starts.some(({ memoryAtAnswer }) => Number.isNaN(memoryAtAnswer)) && {
          notes: ['memory is read from /proc, which this system does not have'],
        }),
      }
    } finally {
      await cloud.stop()
    }
  },
}

const secondsToAnswer = (each: ServiceStart) => each.secondsToAnswer
const secondsToReady = (each: ServiceStart) => each.secondsToReady
const memoryAtAnswer = (each: ServiceStart) => each.memoryAtAnswer
const memoryAtReady = (each: ServiceStart) => each.memoryAtReady

async function startAgainAndAgain({ serviceEnv }: LocalCloud, count: number): Promise<ServiceStart[]> {
  // The first one finds the files in the system's cache for the others, as they usually are.
  await startService(serviceEnv)
  const starts: ServiceStart[] = []
  for (let i = 0; i < count; i += 1) starts.push(await startService(serviceEnv))
  return starts
}
