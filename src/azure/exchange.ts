import type { IncomingHttpHeaders } from 'node:http'
import type { Dispatcher, Pool } from 'undici'

export interface ExchangeOptions {
  method: Dispatcher.HttpMethod
  /** With the query, if there is one. */
  path: string
  headers: Record<string, string>
  body?: string
  /** Milliseconds from now to the last byte of the answer. */
  timeoutMs: number
  /** The most bytes of the answer's body that are kept. */
  maxBytes: number
  /** Ends the exchange early. */
  signal?: StopSignal | undefined
}

/** As much of an `AbortSignal` as the Azure SDKs ask for. */
interface StopSignal {
  readonly aborted: boolean
  addEventListener(type: 'abort', listener: () => void): void
  removeEventListener(type: 'abort', listener: () => void): void
}

export interface Answer {
  status: number
  headers: IncomingHttpHeaders
  /** undefined when there was more than `maxBytes` of it. */
  body: string | undefined
}

/** The answer was not there in time. */
export class ExchangeTimeoutError extends Error {
  override readonly name = 'ExchangeTimeoutError'
}

/** Whether an answer, or a connection, did not come in time, whoever says so: this module, undici, or `withDeadline`. */
export function isTimeout(error: unknown): boolean {
  if (error instanceof ExchangeTimeoutError) return true
  return error instanceof Error && 'code' in error && /^(?:UND_ERR_\w*TIMEOUT|ETIMEDOUT)$/.test(String(error.code))
}

/** Its signal was aborted. */
class ExchangeStoppedError extends Error {
  override readonly name = 'ExchangeStoppedError'
}

/**
 * Sends one request over a pool and gathers its answer. `Pool.request` does the same by way of a stream, which costs a
 * third more for answers of a few hundred bytes.
 * @throws {ExchangeTimeoutError} after `timeoutMs`
 * @throws {Error} when the signal is aborted, and what undici or the system has to say
 */
export async function exchange(pool: Pool, options: ExchangeOptions): Promise<Answer> {
  const { timeoutMs, maxBytes, signal, ...request } = options
  if (signal?.aborted) throw new ExchangeStoppedError('stopped before it began')
  const answered = Promise.withResolvers<Answer>()
  const gatherer = createGatherer(maxBytes, answered)
  const stop = () => gatherer.stop(new ExchangeStoppedError('stopped'))
  const timer = setTimeout(() => gatherer.stop(new ExchangeTimeoutError(`no answer within ${timeoutMs} ms`)), timeoutMs)
  signal?.addEventListener('abort', stop)
  try {
    pool.dispatch(request, gatherer.handler)
    return await answered.promise
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', stop)
  }
}

function createGatherer(maxBytes: number, { resolve, reject }: PromiseWithResolvers<Answer>) {
  const chunks: Uint8Array[] = []
  let size = 0
  let status = 0
  let headers: IncomingHttpHeaders = {}
  let controller: Dispatcher.DispatchController | undefined
  let stoppedBy: Error | undefined

  function stop(reason: Error): void {
    stoppedBy = reason
    controller?.abort(reason)
    reject(reason)
  }

  const handler: Dispatcher.DispatchHandler = {
    onRequestStart(started) {
      controller = started
      // It was stopped while it waited for a connection: nothing of it is sent.
      if (stoppedBy !== undefined) started.abort(stoppedBy)
    },
    onResponseStart(_controller, statusCode, answerHeaders) {
      status = statusCode
      headers = answerHeaders
    },
    onResponseData(_controller, chunk) {
      size += chunk.byteLength
      if (size <= maxBytes) chunks.push(chunk)
      else {
        resolve({ status, headers, body: undefined })
        stop(new Error(`an answer of more than ${maxBytes} bytes`))
      }
    },
    onResponseEnd() {
      resolve({ status, headers, body: Buffer.concat(chunks).toString() })
    },
    onResponseError(_controller, error) {
      reject(error)
    },
  }
  return { handler, stop }
}
