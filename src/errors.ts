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

type UnavailableCode =
  | 'keys_unavailable'
  | 'tenants_unavailable'
  | 'secret_unavailable'
  | 'queue_unavailable'
  | 'codes_unavailable'
  | 'number_api_unavailable'
  | 'graph_unavailable'
  | 'overloaded'
  | 'sessions_unavailable'
  | 'sign_in_unavailable'

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

interface OutsideFault {
  /** HTTP status that came; none when there was no answer. */
  upstreamStatus?: number | undefined
  /** Milliseconds after which it wants to be asked again. */
  retryAfterMs?: number | undefined
  /** The caller had less time left than the service may take: no word about the service. */
  isCallersFault?: boolean
  cause?: unknown
}

/** A service that this one asks on a caller's behalf did not give a usable answer: 502, or 504 when it gave none in time. */
export abstract class OutsideError extends PublicError {
  readonly isTimeout: boolean
  /** Whether it failed, rather than answered something of no use: the same request may go well a little later. */
  readonly isOutage: boolean
  readonly retryAfterMs: number | undefined

  constructor(title: string, code: string, detail: string, fault: OutsideFault) {
    const { upstreamStatus, retryAfterMs, isCallersFault = false, cause } = fault
    const isTimeout = code.endsWith('_timeout')
    const extensions = upstreamStatus === undefined ? {} : { upstreamStatus }
    super({ status: isTimeout ? 504 : 502, code, title, detail, cause, extensions })
    this.isTimeout = isTimeout
    const hasFailed = code.endsWith('_failed') && (upstreamStatus ?? 500) >= 500
    this.isOutage = !isCallersFault && (isTimeout || hasFailed || upstreamStatus === TOO_MANY_REQUESTS)
    this.retryAfterMs = retryAfterMs
  }
}

const TOO_MANY_REQUESTS = 429

type NumberApiCode = 'number_api_failed' | 'number_api_invalid' | 'number_api_timeout'

/** The third party's number API did not give a usable answer. */
export class NumberApiError extends OutsideError {
  constructor(code: NumberApiCode, detail: string, fault: OutsideFault = {}) {
    super('Could not get you a code.', code, detail, fault)
  }
}

/**
 * The caller hung up before the work was done, and so nobody reads this answer; the log tells by it what became of the
 * request. 499 is what nginx calls it.
 */
export class CallerGoneError extends PublicError {
  constructor() {
    super({ status: 499, code: 'caller_gone', title: 'The caller is gone.', detail: 'The caller hung up too early.' })
  }
}

type GraphCode = 'graph_failed' | 'graph_forbidden' | 'graph_timeout'

/** Microsoft Graph did not give a usable answer. */
export class GraphError extends OutsideError {
  constructor(code: GraphCode, detail: string, fault: OutsideFault = {}) {
    super('Microsoft Graph did not answer for you.', code, detail, fault)
  }
}

/** What was asked for needs configuration that is not there. */
export class NotConfiguredError extends PublicError {
  constructor(code: string, variables: readonly string[]) {
    const detail = `This service is not set up for that: its operators must set ${variables.join(', ')}.`
    super({ status: 501, code, title: 'Not set up.', detail })
  }
}

/**
 * The user must consent, or meet a conditional access policy, before this service can act for them. The client signs the
 * user in anew with these claims ('Claims challenges, claims requests, and client capabilities', Microsoft Learn).
 */
export class InsufficientClaimsError extends PublicError {
  readonly claims: string | undefined

  /** @param claims as JSON, from Entra; undefined when only consent is missing */
  constructor(claims: string | undefined, cause: unknown) {
    const challenge = claims === undefined ? '' : `, claims="${Buffer.from(claims).toString('base64')}"`
    super({
      status: 401,
      code: 'insufficient_claims',
      title: 'More is needed of the user.',
      detail:
        'Entra wants the user to consent or to sign in again before this service may act for them. ' +
        'Sign the user in with the claims of the WWW-Authenticate header, and send the new token.',
      headers: { 'www-authenticate': `Bearer error="insufficient_claims"${challenge}` },
      cause,
    })
    this.claims = claims
  }
}

/** A sign-in that Entra, or this service, does not accept. The person can begin anew. */
export class SignInError extends PublicError {
  constructor(code: 'sign_in_declined' | 'sign_in_invalid' | 'session_over', detail: string, cause?: unknown) {
    const title = code === 'sign_in_invalid' ? 'That sign-in did not work.' : 'You are not signed in.'
    super({ status: code === 'session_over' ? 401 : 400, code, title, detail, cause })
  }
}
