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
export interface StopSignal {
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
export function exchange(pool: Pool, options: ExchangeOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    if (options.signal?.aborted) reject(new ExchangeStoppedError('stopped before it began'))
    else pool.dispatch(options, new Gatherer(options, resolve, reject))
  })
}

/** A class, because a request has two of them: what they share is not made anew for each. */
class Gatherer implements Dispatcher.DispatchHandler {
  readonly #options: ExchangeOptions
  readonly #resolve: (answer: Answer) => void
  readonly #reject: (reason: unknown) => void
  readonly #timer: NodeJS.Timeout
  readonly #onAbort = () => this.#stop(new ExchangeStoppedError('stopped'))
  readonly #chunks: Uint8Array[] = []
  #size = 0
  #status = 0
  #headers: IncomingHttpHeaders = {}
  #controller: Dispatcher.DispatchController | undefined
  #stoppedBy: Error | undefined

  constructor(options: ExchangeOptions, resolve: (answer: Answer) => void, reject: (reason: unknown) => void) {
    this.#options = options
    this.#resolve = resolve
    this.#reject = reject
    const { timeoutMs, signal } = options
    const giveUp = () => this.#stop(new ExchangeTimeoutError(`no answer within ${timeoutMs} ms`))
    this.#timer = setTimeout(giveUp, timeoutMs)
    signal?.addEventListener('abort', this.#onAbort)
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller
    // It was stopped while it waited for a connection: nothing of it is sent.
    if (this.#stoppedBy !== undefined) controller.abort(this.#stoppedBy)
  }

  onResponseStart(_controller: unknown, status: number, headers: IncomingHttpHeaders): void {
    this.#status = status
    this.#headers = headers
  }

  onResponseData(_controller: unknown, chunk: Uint8Array): void {
    const { maxBytes } = this.#options
    this.#size += chunk.byteLength
    if (this.#size <= maxBytes) this.#chunks.push(chunk)
    else {
      this.#answer(undefined)
      this.#stop(new Error(`an answer of more than ${maxBytes} bytes`))
    }
  }

  onResponseEnd(): void {
    this.#answer(Buffer.concat(this.#chunks).toString())
  }

  onResponseError(_controller: unknown, error: Error): void {
    this.#fail(error)
  }

  #stop(reason: Error): void {
    this.#stoppedBy = reason
    this.#controller?.abort(reason)
    this.#fail(reason)
  }

  #answer(body: string | undefined): void {
    this.#end()
    this.#resolve({ status: this.#status, headers: this.#headers, body })
  }

  #fail(reason: Error): void {
    this.#end()
    this.#reject(reason)
  }

  #end(): void {
    clearTimeout(this.#timer)
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
  }
}
