import type { Socket } from 'node:net'
import type {
  ConnectionError,
  FastifyError,
  FastifyInstance,
  FastifyPluginAsync,
  FastifyReply,
  FastifyRequest,
} from 'fastify'
import fp from 'fastify-plugin'
import { CallerGoneError, type ErrorHeaders, PublicError } from '../errors.ts'
import { resourceMetadataUrl } from './resource-metadata.ts'

/** An `import` would have Node load its own fetch too, for 10 MB of memory and 10 ms of each start. */
const { STATUS_CODES } = process.getBuiltinModule('node:http')
const PLAIN_PATH = /^[\w./-]*$/
const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** The one error handler: everything that is thrown becomes problem details (RFC 9457). */
export function answerError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  // When the body broke off, the parser says so in Node's words.
  const isBrokenOff = request.raw.readableAborted && !(error instanceof PublicError)
  const problem = isBrokenOff ? new CallerGoneError() : toPublicError(error)
  const { code, status, detail } = problem
  request.problem = code
  if (status >= 500) request.log.error({ err: error, problem: code }, detail)
  return reply
    .code(status)
    .headers({
      'cache-control': 'no-store',
      'x-request-id': request.id,
      ...problem.headers,
      ...completeChallenge(problem.headers, request),
    })
    .type('application/problem+json')
    .send(problem.toProblem(request.id))
}

/** Every challenge says where a client finds out how to get a token (RFC 9728, section 5.1). */
function completeChallenge({ 'www-authenticate': challenge }: ErrorHeaders, request: FastifyRequest): ErrorHeaders {
  if (challenge === undefined || challenge.includes('resource_metadata=')) return {}
  const url = resourceMetadataUrl(request)
  if (url === undefined) return {}
  return { 'www-authenticate': `${challenge}${challenge.includes('=') ? ',' : ''} resource_metadata="${url}"` }
}

export const requestTimeout = clientError(
  408,
  'request_timeout',
  'Request timeout.',
  'The request took too long to come.',
)
export const headersTooLarge = clientError(
  431,
  'headers_too_large',
  'The headers are too large.',
  'Send shorter headers.',
)
/** What Node finds wrong with a connection before there is a request, by Node's code for it. */
const CLIENT_ERRORS: Readonly<Record<string, PublicError>> = {
  ERR_HTTP_REQUEST_TIMEOUT: requestTimeout,
  HPE_HEADER_OVERFLOW: headersTooLarge,
}
const NOT_HTTP = clientError(
  400,
  'request_invalid',
  'The request is not valid.',
  'This is not a valid HTTP/1.1 request.',
)

/** Time to take the answer, for who is still there. */
const CLOSES_WITHIN_MS = 1_000

/** Answers what is no HTTP request, or never became a whole one, and ends the connection. */
export function answerClientError(this: FastifyInstance, error: ConnectionError, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy()
    return
  }
  const problem = CLIENT_ERRORS[error.code] ?? NOT_HTTP
  this.log.debug({ remoteAddress: socket.remoteAddress, reason: error.code, problem: problem.code }, 'not a request')
  const body = JSON.stringify(problem.toProblem(crypto.randomUUID()))
  const headers = {
    'content-type': 'application/problem+json; charset=utf-8',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
    connection: 'close',
  }
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}`)
  socket.end([`HTTP/1.1 ${problem.status} ${STATUS_CODES[problem.status]}`, ...lines, '', body].join('\r\n'))
  // Node bounds a connection once. Who does not close it from that side would keep it, and what waits for its end, for ever.
  const destroying = setTimeout(() => socket.destroy(), CLOSES_WITHIN_MS)
  socket.once('close', () => clearTimeout(destroying))
}

/** No route has this method and URL: 405 when another method has, 404 otherwise (RFC 9110, section 15.5.6). */
function answerNotFound(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const url = request.url.split('?')[0] ?? request.url
  // Fastify looks for routes by their patterns, and throws where a path looks like one that is none.
  const allowed = PLAIN_PATH.test(url) ? METHODS.filter((method) => request.server.hasRoute({ method, url })) : []
  const error = allowed.length === 0 ? notFound(url) : methodNotAllowed(request.method, allowed)
  return answerError(error, request, reply)
}

/** @param url without its query, where people put what is secret */
export function notFound(url: string): PublicError {
  return clientError(404, 'not_found', 'Not found.', `There is nothing at ${url}.`)
}

/** @param allowed the methods that the URL has */
export function methodNotAllowed(method: string, allowed: readonly string[]): PublicError {
  const allow = allowed.join(', ')
  const detail = `${method} is not possible here; ${allow} is.`
  return clientError(405, 'method_not_allowed', 'Method not allowed.', detail, { allow })
}

/** @param retryAfterSeconds until the caller's next request is served */
export function rateLimited(limitPerMinute: number, retryAfterSeconds: number): PublicError {
  const detail = `A caller may send ${limitPerMinute} requests a minute. Wait ${retryAfterSeconds} s.`
  const headers = { 'retry-after': String(retryAfterSeconds) }
  return clientError(429, 'rate_limited', 'Too many requests.', detail, headers)
}

/** What is answered for an error: itself when it may leave the process, an opaque one otherwise. */
export function toPublicError(error: unknown): PublicError {
  if (error instanceof PublicError) return error
  return (isFastifyError(error) && fromFastify(error)) || internalError(error)
}

/** Fastify's own refusals by their HTTP status; its messages are about the request alone and safe to show. */
function fromFastify({ statusCode, message }: FastifyError): PublicError | undefined {
  switch (statusCode) {
    case 400:
      return clientError(400, 'request_invalid', 'The request is not valid.', message)
    case 404:
      return clientError(404, 'not_found', 'Not found.', message)
    case 413:
      return clientError(413, 'payload_too_large', 'The body is too large.', message)
    case 415:
      return clientError(415, 'media_type', 'The media type is not supported.', message)
    default:
      return undefined
  }
}

function clientError(
  status: number,
  code: string,
  title: string,
  detail: string,
  headers: Record<string, string> = {},
) {
  return new PublicError({ status, code, title, detail, headers })
}

function internalError(cause: unknown): PublicError {
  return new PublicError({
    status: 500,
    code: 'internal',
    title: 'Something went wrong in this service.',
    detail: 'The request was not served. The operators find the cause in the log under the request id.',
    cause,
  })
}

function isFastifyError(error: unknown): error is FastifyError {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('FST_')
}

declare module 'fastify' {
  interface FastifyRequest {
    /** The code of the error that was answered; null when the request was served. */
    problem: string | null
  }
}

/** Answers every error, and every URL without a route, with `application/problem+json`. */
const problemDetails: FastifyPluginAsync = async (app) => {
  app.decorateRequest('problem', null)
  app.setErrorHandler(answerError)
  app.setNotFoundHandler(answerNotFound)
}

export default fp(problemDetails, { name: 'problem-details', fastify: '5.x' })
