import cluster from 'node:cluster'
import { writeSync } from 'node:fs'
import { type DestinationStream, destination } from 'pino'

/** Lines that wait for a reader that has stopped reading; past it lines are lost, and the service goes on. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024
/**
 * A busy service writes a hundred lines at once: a write of its own for each costs more than all else of the line. Of several
 * processes that share a pipe, only what is no longer than `PIPE_BUF` stays together (pipe(7)).
 */
const MAX_WRITE_BYTES = cluster.isWorker ? 4_096 : 65_536
/** A quiet one writes a line no later than that. */
const LONGEST_WAIT_MS = 25

const STANDARD_OUTPUT = 1

let shared: DestinationStream | undefined

/**
 * Standard output, where lines are written behind the request's back: those of a moment in one go, and whoever is slow to
 * read them holds up no caller. What waits is written before the process ends, unless it is killed.
 */
export function openLogStream(): DestinationStream {
  shared ??= createLogStream()
  return shared
}

/**
 * The lines of a moment are gathered here, and not by pino's destination (`minLength`): at the end of a process whose
 * reader is gone that tries to write them for ever.
 */
function createLogStream(): DestinationStream {
  const output = destination({
    dest: STANDARD_OUTPUT,
    sync: false,
    maxLength: MAX_WAITING_BYTES,
    maxWrite: MAX_WRITE_BYTES,
  })
  let waiting = ''
  let waitingBytes = 0
  let timer: NodeJS.Timeout | undefined

  function take(): string {
    clearTimeout(timer)
    timer = undefined
    const text = waiting
    waiting = ''
    waitingBytes = 0
    return text
  }

  process.once('exit', () => {
    try {
      writeSync(STANDARD_OUTPUT, take())
    } catch {
      // Nobody reads any more, or not soon enough.
    }
  })

  return {
    write(line) {
      const bytes = Buffer.byteLength(line)
      if (waitingBytes > 0 && waitingBytes + bytes > MAX_WRITE_BYTES) output.write(take())
      waiting += line
      waitingBytes += bytes
      timer ??= setTimeout(() => output.write(take()), LONGEST_WAIT_MS).unref()
    },
  }
}
