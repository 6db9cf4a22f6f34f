/** `npm run bench`: how fast this project is beside what it is built on, and beside others. docs/performance.md explains it. */
import { writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { parseArgs } from 'node:util'
import type { Bench, Group, Result } from './group.ts'
import { auth } from './groups/auth.ts'
import { getcode } from './groups/getcode.ts'
import { overload } from './groups/overload.ts'
import { peers } from './groups/peers.ts'
import { refusals } from './groups/refusals.ts'
import { start } from './groups/start.ts'
import { worker } from './groups/worker.ts'
import { startLoad } from './load/load.ts'
import { describeMachine } from './machine.ts'
import { formatGroup } from './report.ts'
import type { Effort } from './rounds.ts'
import { openTokenFiles } from './tokens/token-files.ts'

const RESULTS_FILE = join(import.meta.dirname, 'results.json')
const groups: readonly Group[] = [auth, refusals, peers, getcode, overload, start, worker]

const THOROUGH: Effort = { rounds: 7, roundMs: 600, warmUpMs: 1_500, isQuick: false }
const QUICK: Effort = { rounds: 3, roundMs: 400, warmUpMs: 500, isQuick: true }

const HELP = `npm run bench [-- options]

  --only text   runs the groups whose name has this text: ${groups.map(({ name }) => name).join(', ')}
  --quick       shorter and fewer rounds: a first look, not a figure to quote
  --assert      ends with status 1 when a mark is missed
`

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: '' },
    quick: { type: 'boolean', default: false },
    assert: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
})
const chosen = groups.filter(({ name }) => name.includes(options.only))
if (options.help || chosen.length === 0) {
  process.stderr.write(HELP)
  process.exit(options.help ? 0 : 1)
}

const missed = await run().catch((error: unknown) => {
  process.stderr.write(`The benchmark broke off. ${describe(error)}\n`)
  process.exit(1)
})
process.exit(options.assert && missed > 0 ? 1 : 0)

/** @returns how many marks were missed */
async function run(): Promise<number> {
  const date = new Date().toISOString()
  const effort = options.quick ? QUICK : THOROUGH
  const machine = describeMachine()
  const { node, cpu, commit = 'no commit' } = machine
  process.stdout.write(`${commit}, Node ${node}, ${cpu}, ${effort.rounds} rounds of ${effort.roundMs} ms\n\n`)
  const results = await runGroups({ load: await startLoad(), tokens: await openTokenFiles(), effort })
  await writeFile(RESULTS_FILE, `${JSON.stringify({ date, ...machine, effort, groups: results }, null, 2)}\n`)
  const comparisons = results.flatMap(({ rows }) => rows.flatMap((row) => row.comparisons))
  const judged = comparisons.flatMap(({ isMet }) => isMet ?? [])
  const missedMarks = judged.filter((isMet) => !isMet).length
  const file = relative(process.cwd(), RESULTS_FILE)
  process.stdout.write(`${missedMarks} of ${judged.length} marks missed. Every round is in ${file}\n`)
  return missedMarks
}

async function runGroups(bench: Bench): Promise<Array<Result & { name: string }>> {
  const results: Array<Result & { name: string }> = []
  try {
    for (const { name, title, run } of chosen) {
      const result = await run(bench)
      process.stdout.write(formatGroup(name, title, result))
      results.push({ name, ...result })
    }
  } finally {
    await bench.load.stop()
  }
  return results
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message}: ${describe(error.cause)}`
}
