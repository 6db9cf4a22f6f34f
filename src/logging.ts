import type { FastifyRequest } from 'fastify'
import type { DestinationStream, LoggerOptions } from 'pino'
import { openLogStream } from './log-stream.ts'

/**
 * Logger options with serializers that let nothing secret through: of a request only its method, path and address (no
 * header, no query, where people put tokens by mistake), of an error no more than its text and stack.
 */
export function createLoggerOptions(level: string): LoggerOptions & { stream: DestinationStream } {
  return {
    level,
    base: null,
    serializers: { req: serializeRequest, err: serializeError },
    // A second net under the serializers, for whatever a later log call passes by mistake. Paths with a wildcard would
    // cost more than the rest of the line.
    redact: ['headers', 'authorization', 'token', 'accessToken', 'secret', 'code', 'req.headers', 'err.request'],
    stream: openLogStream(),
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
