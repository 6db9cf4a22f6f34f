/** Writes so many numbered lines to the log's stream, some of them long, and ends as it is told: by itself, or at once. */
import { openLogStream } from '../../src/log-stream.ts'

const [count = '', end = ''] = process.argv.slice(2)
const stream = openLogStream()
for (let line = 0; line < Number(count); line += 1) {
  const length = line % 1_000 === 999 ? 100_000 : line % 500
  stream.write(`${line} ${'ä😀"'.repeat(length)}\n`)
  // As a service does between two requests.
  if (line % 50 === 49) await new Promise((resolve) => setImmediate(resolve))
}
process.stderr.write('written')
if (end === 'at once') process.exit(3)
