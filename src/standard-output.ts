import { write, writeSync } from 'node:fs'

const STANDARD_OUTPUT = 1
/** A terminal, or a pipe that others have made non-blocking, may have no room: then it is asked again. */
const ASK_AGAIN_AFTER_MS = 20
/** Long enough for 64 KB to a reader that reads. */
const LAST_WRITE_TAKES_MS = 100

/**
 * Standard output for bytes, written behind the back of whoever writes: a reader that is slow holds up nobody, and one that
 * is gone stops nothing. pino's own destination takes texts, and copies each three times on its way.
 * @param maxWaitingBytes for a reader that has stopped reading; past it bytes are lost
 */
export function createStandardOutput(maxWaitingBytes: number) {
  const waiting: Array<{ bytes: Uint8Array; onDone: () => void }> = []
  let waitingBytes = 0
  let isWriting = false

  function writeNext(): void {
    const next = waiting.shift()
    if (next === undefined) return
    waitingBytes -= next.bytes.length
    isWriting = true
    writeFrom(next.bytes, 0, () => {
      isWriting = false
      next.onDone()
      writeNext()
    })
  }

  function writeFrom(bytes: Uint8Array, from: number, onDone: () => void): void {
    write(STANDARD_OUTPUT, bytes, from, bytes.length - from, null, (error, written) => {
      if (error?.code === 'EAGAIN') {
        setTimeout(writeFrom, ASK_AGAIN_AFTER_MS, bytes, from, onDone)
        return
      }
      // A full disk may have room again, and a reader that is gone is missed by nobody.
      if (error !== null || from + written >= bytes.length) onDone()
      else writeFrom(bytes, from + written, onDone)
    })
  }

  return {
    /** @param onDone called when the bytes may be changed again, whatever has become of them */
    write(bytes: Uint8Array, onDone: () => void): void {
      if (waitingBytes + bytes.length > maxWaitingBytes) {
        onDone()
        return
      }
      waiting.push({ bytes, onDone })
      waitingBytes += bytes.length
      if (!isWriting) writeNext()
    },
    /** What waits, and then these bytes: for the end of the process, after which nothing else is written. */
    writeLast(bytes: Uint8Array): void {
      // Another thread is at it, and nothing here is told any more when it has done.
      if (isWriting) sleepFor(LAST_WRITE_TAKES_MS)
      try {
        for (const next of waiting.splice(0)) writeWhole(next.bytes)
        writeWhole(bytes)
      } catch {
        // Nobody reads any more, or not soon enough.
      }
    },
  }
}

function sleepFor(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

function writeWhole(bytes: Uint8Array): void {
  for (let from = 0; from < bytes.length; ) from += writeSync(STANDARD_OUTPUT, bytes, from)
}
