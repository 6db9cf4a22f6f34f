import {
  BrokenCircuitError,
  circuitBreaker,
  DelegateBackoff,
  handleWhen,
  type IRetryBackoffContext,
  retry,
  SamplingBreaker,
} from 'cockatiel'
import type { FastifyBaseLogger } from 'fastify'
import type { Deadline } from '../azure/deadline.ts'
import { goOnFrom } from '../azure/go-on-from.ts'
import { OutsideError, UnavailableError } from '../errors.ts'

/** Of a call that failed for now. Together with the first try three, within about half a second. */
const RETRIES = 2
const FIRST_PAUSE_MS = 100
/** With less time than this left, another try would only be cut off. */
const SHORTEST_TRY_MS = 100

/** When half of the calls of 10 s failed, and there were five in a second or more, nobody is let wait for the next one. */
const FAILING_SHARE = 0.5
const WATCHED_MS = 10_000
const CALLS_PER_SECOND = 5
/** After that one call may find out whether it is over. */
const REST_MS = 2_000

interface OutsideCallsOptions {
  /** As in the error code `<name>_unavailable`. */
  name: 'number_api' | 'graph'
  /** What people call it. */
  title: string
  log: FastifyBaseLogger
  /** For a caller whose time is over before anything was asked. */
  outOfTime(): OutsideError
}

/**
 * Calls of one outside service that only ask, and so may be repeated: those that failed for now are, as far as the
 * caller's time goes and no sooner than the service wants (`Retry-After`); while most fail, none is made.
 */
export function createOutsideCalls({ name, title, log, outOfTime }: OutsideCallsOptions) {
  const breaker = circuitBreaker(
    handleWhen((error) => error instanceof OutsideError && error.isOutage),
    {
      halfOpenAfter: REST_MS,
      breaker: new SamplingBreaker({ threshold: FAILING_SHARE, duration: WATCHED_MS, minimumRps: CALLS_PER_SECOND }),
    },
  )
  breaker.onBreak(() => log.error({ neighbour: name }, `${title} fails: callers are refused at once for a while`))
  breaker.onReset(() => log.info({ neighbour: name }, `${title} answers again`))

  return {
    /**
     * @param attempt makes one call; throws an {OutsideError} when it fails
     * @throws {UnavailableError} `<name>_unavailable` without a call, while most calls fail
     */
    async run<T>(deadline: Deadline, attempt: () => Promise<T>): Promise<T> {
      // Whoever has used up its own time says nothing about the neighbour.
      if (deadline.leftMs() < SHORTEST_TRY_MS) throw outOfTime()
      try {
        return await breaker.execute(() => runRepeatedly(deadline, attempt))
      } catch (error) {
        if (!(error instanceof BrokenCircuitError)) throw error
        throw new UnavailableError(
          `${name}_unavailable`,
          `${title} is failing at the moment. Send the request again.`,
          {
            retryAfterSeconds: REST_MS / 1_000,
          },
        )
      }
    },
  }
}

/** Retries are set up once there is a failure: setting them up takes longer than all else of a call that succeeds. */
async function runRepeatedly<T>(deadline: Deadline, attempt: () => Promise<T>): Promise<T> {
  const first = attempt()
  try {
    return await first
  } catch {
    const repeated = retry(
      handleWhen((error) => isWorthAnotherTry(error, deadline)),
      { maxAttempts: RETRIES, backoff: new DelegateBackoff(pauseMs) },
    )
    return await repeated.execute(goOnFrom(first, attempt), deadline.signal)
  }
}

export type OutsideCalls = ReturnType<typeof createOutsideCalls>

/**
 * `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date.
 * @returns milliseconds from now; undefined when there is none, or none that can be read
 */
export function parseRetryAfter(value: string | string[] | undefined, nowMs: number): number | undefined {
  const text = String(value ?? '').trim()
  const ms = /^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text) - nowMs
  return Number.isNaN(ms) ? undefined : Math.max(0, ms)
}

function isWorthAnotherTry(error: unknown, { leftMs }: Deadline): boolean {
  if (!(error instanceof OutsideError) || !error.isOutage || error.isTimeout) return false
  return (error.retryAfterMs ?? 0) + SHORTEST_TRY_MS < leftMs()
}

/** Callers who failed together do not come back together. */
function pauseMs({ attempt, result }: IRetryBackoffContext<unknown>): number {
  const wanted = 'error' in result && result.error instanceof OutsideError ? result.error.retryAfterMs : undefined
  const jitterMs = Math.random() * FIRST_PAUSE_MS * 2 ** (attempt - 1)
  return wanted === undefined ? FIRST_PAUSE_MS * attempt + jitterMs : wanted + jitterMs
}
