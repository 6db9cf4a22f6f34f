import type { FastifyRequest } from 'fastify'
import { type DestinationStream, destination, type LoggerOptions } from 'pino'

/** Lines that wait for a reader that has stopped reading; past it lines are lost, and the service goes on. */
const MAX_WAITING_BYTES = 16 * 1024 * 1024
/** A busy service writes some 25 lines at once: a write of its own for each costs more than all else of the line. */
const WRITTEN_TOGETHER_BYTES = 16_000
/** A quiet one writes a line no later than that. */
const LONGEST_WAIT_MS = 100

/**
 * Logger options with serializers that let nothing secret through: of a request only its method, path and address (no
 * header, no query, where people put tokens by mistake), of an error no more than its text and stack.
 *
 * Lines are written to standard output behind the request's back: those of a moment in one go, and whoever is slow to
 * read them holds up no caller. What waits is written before the process ends, unless it is killed.
 */
export function createLoggerOptions(level: string): LoggerOptions & { stream: DestinationStream } {
  return {
    level,
    base: null,
    serializers: { req: serializeRequest, err: serializeError },
    // A second net under the serializers, for whatever a later log call passes by mistake. Paths with a wildcard would
    // cost more than the rest of the line.
    redact: ['headers', 'authorization', 'token', 'accessToken', 'secret', 'code', 'req.headers', 'err.request'],
    stream: destination({
      dest: 1,
      sync: false,
      minLength: WRITTEN_TOGETHER_BYTES,
      periodicFlush: LONGEST_WAIT_MS,
      maxLength: MAX_WAITING_BYTES,
    }),
  }
}

function serializeRequest(request: FastifyRequest) {
  return { method: request.method, path: request.url.split('?')[0], remoteAddress: request.ip }
}

interface LoggedError {
  name: string
  message: string
  stack?: string | undefined
  cause?: LoggedError
}

/** Errors of HTTP clients hold whole requests and their headers in further members: those stay behind. */
function serializeError(error: unknown): LoggedError {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error) }
  const { name, message, stack, cause } = error
  return { name, message, stack, ...(cause !== undefined && { cause: serializeError(cause) }) }
}
