import { once } from 'node:events'
import net from 'node:net'

const READ_BUFFER_BYTES = 16 * 1024
const CONTENT_LENGTH = /\r\ncontent-length: *(\d+)/i
const LAST_CHUNK = '0\r\n\r\n'

/** Told the status of an answer. @returns the next request, or undefined to stop */
type OnAnswer = (status: number) => string | undefined

/** A connection that sends one request after another. */
export async function connect(port: number) {
  let received = ''
  let current: { onAnswer: OnAnswer; done: PromiseWithResolvers<void> } | undefined

  function onRead(bytes: number, buffer: Uint8Array): boolean {
    // Latin-1 keeps one character for each byte, so that lengths can be compared.
    received += Buffer.from(buffer.buffer, buffer.byteOffset, bytes).toString('latin1')
    if (!isWhole(received)) return true
    const status = Number(received.slice('HTTP/1.1 '.length, 'HTTP/1.1 200'.length))
    received = ''
    const next = current?.onAnswer(status)
    if (next === undefined) finish()
    else socket.write(next, 'latin1')
    return true
  }

  function finish(error?: Error): void {
    if (error === undefined) current?.done.resolve()
    else current?.done.reject(error)
    current = undefined
  }

  const socket = net.connect({
    host: '127.0.0.1',
    port,
    noDelay: true,
    onread: { buffer: new Uint8Array(READ_BUFFER_BYTES), callback: onRead },
  })
  await once(socket, 'connect')
  socket.on('error', (error) => finish(error))
  socket.on('close', () => finish(new Error('the server closed a connection')))

  return {
    /** Resolves after the last answer. */
    async exchange(first: string, onAnswer: OnAnswer): Promise<void> {
      const done = Promise.withResolvers<void>()
      current = { onAnswer, done }
      socket.write(first, 'latin1')
      await done.promise
    },
    close: () => socket.destroy(),
  }
}

export type Connection = Awaited<ReturnType<typeof connect>>

/** Whether an HTTP/1.1 response is there to its end (RFC 9112, section 6). */
function isWhole(text: string): boolean {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd === -1) return false
  const length = CONTENT_LENGTH.exec(text)?.[1]
  return length === undefined ? text.endsWith(LAST_CHUNK) : text.length >= headEnd + 4 + Number(length)
}
