// Preloaded into a process that is watched: at SIGWINCH, which nothing else here needs, it writes what it holds, once everything else is collected.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')
const gc = runInNewContext('gc')

process.on('SIGWINCH', () => {
  gc()
  const { heapUsed, external } = process.memoryUsage()
  process.stderr.write(`vitals ${heapUsed + external} ${process.getActiveResourcesInfo().length}\n`)
})
