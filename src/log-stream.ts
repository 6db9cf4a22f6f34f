import cluster from 'node:cluster'
import type { DestinationStream } from 'pino'
import { createStandardOutput } from './standard-output.ts'

/** Lines that wait for a reader that has stopped reading; past it lines are lost, and the service goes on. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024
/**
 * A busy service writes a hundred lines at once: a write of its own for each costs more than all else of the line. Of several
 * processes that share a pipe, only what is no longer than `PIPE_BUF` stays together (pipe(7)).
 */
const MAX_WRITE_BYTES = cluster.isWorker ? 4_096 : 65_536
/** A quiet one writes a line no later than that. */
const LONGEST_WAIT_MS = 25
/** In UTF-8, of what a text's length counts. */
const MAX_BYTES_PER_UNIT = 3

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
 * Lines are gathered as bytes, in one buffer while the other is written: a text of so many lines, and a new buffer for it
 * each time, cost more than to put the lines together.
 */
function createLogStream(): DestinationStream {
  const output = createStandardOutput(MAX_WAITING_BYTES)
  let filling: Buffer = Buffer.allocUnsafeSlow(MAX_WRITE_BYTES)
  let filled = 0
  let spare: Buffer | undefined
  let timer: NodeJS.Timeout | undefined

  function send(): void {
    clearTimeout(timer)
    timer = undefined
    const sent = filling
    output.write(sent.subarray(0, filled), () => {
      spare = sent
    })
    filling = spare ?? Buffer.allocUnsafeSlow(MAX_WRITE_BYTES)
    spare = undefined
    filled = 0
  }

  function hasRoomFor(line: string): boolean {
    const room = MAX_WRITE_BYTES - filled
    return line.length * MAX_BYTES_PER_UNIT <= room || Buffer.byteLength(line) <= room
  }

  process.once('exit', () => output.writeLast(filling.subarray(0, filled)))

  return {
    write(line) {
      if (!hasRoomFor(line) && filled > 0) send()
      if (!hasRoomFor(line)) {
        output.write(Buffer.from(line), () => undefined)
        return
      }
      filled += filling.write(line, filled)
      timer ??= setTimeout(send, LONGEST_WAIT_MS).unref()
    },
  }
}
