/** Extra response headers of an error answer, by lower-case name. */
export type ErrorHeaders = Readonly<Record<string, string>>

interface PublicErrorOptions {
  /** HTTP status of the answer. */
  status: number
  /** Stable and machine-readable; clients branch on it. */
  code: string
  /** One sentence that is the same for every occurrence. */
  title: string
  /** What to do next. Shown to the caller, so it never carries a secret or an inner message. */
  detail: string
  headers?: ErrorHeaders
  /** Further members of the problem document (RFC 9457, section 3.2). */
  extensions?: Readonly<Record<string, string | number>>
  /** What happened inside. Logged, never answered. */
  cause?: unknown
}

/** The body of every error answer (RFC 9457, section 3). */
export interface ProblemDetails {
  type: string
  title: string
  status: number
  detail: string
  code: string
  requestId: string
  [extension: string]: string | number
}

/** An error whose status, code and text may leave the process. Every other error is answered as an opaque 500. */
export class PublicError extends Error {
  readonly status: number
  readonly code: string
  readonly title: string
  readonly detail: string
  readonly extensions: Readonly<Record<string, string | number>>
  readonly #headers: ErrorHeaders

  constructor(options: PublicErrorOptions) {
    super(`${options.code}: ${options.detail}`, { cause: options.cause })
    this.name = new.target.name
    this.status = options.status
    this.code = options.code
    this.title = options.title
    this.detail = options.detail
    this.extensions = options.extensions ?? {}
    this.#headers = options.headers ?? {}
  }

  /** Headers that belong to the answer, such as a challenge or `retry-after`. */
  get headers(): ErrorHeaders {
    return this.#headers
  }

  toProblem(requestId: string): ProblemDetails {
    return {
      type: `urn:fastify-entra:problem:${this.code}`,
      title: this.title,
      status: this.status,
      detail: this.detail,
      code: this.code,
      requestId,
      ...this.extensions,
    }
  }
}

type UnavailableCode = 'keys_unavailable' | 'tenants_unavailable' | 'secret_unavailable' | 'queue_unavailable'

/** Something that this service needs is out of reach for now: 503, and the same request may be sent again. */
export class UnavailableError extends PublicError {
  constructor(code: UnavailableCode, detail: string, options: { retryAfterSeconds?: number; cause?: unknown } = {}) {
    super({
      status: 503,
      code,
      title: 'The service is not available for the moment.',
      detail,
      headers: { 'retry-after': String(options.retryAfterSeconds ?? 5) },
      cause: options.cause,
    })
  }
}

type NumberApiCode = 'number_api_failed' | 'number_api_invalid' | 'number_api_timeout'

/** The third party's number API did not give a usable answer: 502, or 504 when it gave none in time. */
export class NumberApiError extends PublicError {
  constructor(code: NumberApiCode, detail: string, options: { upstreamStatus?: number; cause?: unknown } = {}) {
    const { upstreamStatus, cause } = options
    super({
      status: code === 'number_api_timeout' ? 504 : 502,
      code,
      title: 'Could not get you a code.',
      detail,
      cause,
      ...(upstreamStatus !== undefined && { extensions: { upstreamStatus } }),
    })
  }
}
