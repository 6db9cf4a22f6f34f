/** `npm run bench`: how fast this project is beside what it is built on, and beside others. docs/performance.md explains it. */
import { writeFile } from 'node:fs/promises'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import type { Bench, Group, Row } from './group.ts'
import { auth } from './groups/auth.ts'
import { getcode } from './groups/getcode.ts'
import { peers } from './groups/peers.ts'
import { refusals } from './groups/refusals.ts'
import { startLoad } from './load/load.ts'
import { formatGroup } from './report.ts'
import type { Effort } from './rounds.ts'
import { openTokenFiles } from './tokens/token-files.ts'

const RESULTS_FILE = join(import.meta.dirname, 'results.json')
const groups: readonly Group[] = [auth, refusals, peers, getcode]

const THOROUGH: Effort = { rounds: 5, roundMs: 1_200, warmUpMs: 1_000 }
const QUICK: Effort = { rounds: 3, roundMs: 400, warmUpMs: 500 }

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

const results = await runGroups()
await writeFile(RESULTS_FILE, `${JSON.stringify(results, null, 2)}\n`)
const missed = results.groups.flatMap(({ rows }) => rows.filter(isMissed)).length
process.stdout.write(`${missed} of the marks missed. All figures are in ${RESULTS_FILE}\n`)
process.exit(options.assert && missed > 0 ? 1 : 0)

async function runGroups() {
  const startedAt = new Date()
  const effort = options.quick ? QUICK : THOROUGH
  process.stdout.write(`Node ${process.version}, ${describeCpu()}, ${effort.rounds} rounds of ${effort.roundMs} ms\n\n`)
  const bench: Bench = { load: await startLoad(), tokens: await openTokenFiles(), effort }
  const done: Array<{ name: string; rows: readonly Row[]; notes: readonly string[] }> = []
  try {
    for (const { name, title, run } of chosen) {
      const { rows, notes = [] } = await run(bench)
      process.stdout.write(formatGroup(name, title, rows, notes))
      done.push({ name, rows, notes })
    }
  } finally {
    await bench.load.stop()
  }
  return { node: process.version, cpu: describeCpu(), date: startedAt.toISOString(), effort, groups: done }
}

function describeCpu(): string {
  return `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`
}

function isMissed({ comparisons }: Row): boolean {
  return comparisons.some(({ isMet }) => isMet === false)
}
