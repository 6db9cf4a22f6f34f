import { Readable } from 'node:stream'
import type { Cookie, HttpHandler } from '@azure/functions'
import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { invocation } from './invocation.ts'

export const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'] as const
/** They are about one connection, and the caller's is another (RFC 9110, section 7.6.1). */
const CONNECTION_HEADERS = ['connection', 'keep-alive', 'transfer-encoding']

/** Serves a Fastify application behind an HTTP trigger. Bodies are streams, in both directions. */
export function createHttpHandler(app: FastifyInstance): HttpHandler {
  return async (request, context) => {
    const { pathname, search, host } = new URL(request.url)
    const caller = new AbortController()
    // Awaited inside: it begins when somebody waits for it.
    const response = await invocation.run(
      context,
      async () =>
        await app.inject({
          method: toMethod(request.method),
          url: pathname + search,
          authority: host,
          headers: Object.fromEntries(request.headers),
          ...(request.body !== null && { payload: Readable.fromWeb(request.body) }),
          payloadAsStream: true,
          signal: caller.signal,
        }),
    )
    const body = response.stream()
    // Nobody reads on: the route must learn of it, as it does when a connection closes.
    body.once('close', () => {
      if (!body.readableEnded) caller.abort()
    })
    return {
      status: response.statusCode,
      headers: toHeaders(response),
      cookies: response.cookies.map(toCookie),
      body,
    }
  }
}

function toMethod(name: string): (typeof METHODS)[number] {
  const method = METHODS.find((known) => known === name)
  if (method === undefined) throw new Error(`the trigger is not for ${name}`)
  return method
}

/** Without cookies: Functions joins headers of one name, which cookies do not survive, and has a place for them. */
function toHeaders({ headers }: LightMyRequestResponse): Headers {
  const all = new Headers()
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined || name === 'set-cookie' || CONNECTION_HEADERS.includes(name)) continue
    for (const line of [value].flat()) all.append(name, String(line))
  }
  return all
}

/** Decoded here, because the host encodes them. Functions knows no further attributes, such as `Partitioned`. */
function toCookie(cookie: LightMyRequestResponse['cookies'][number]): Cookie {
  const { name, value, domain, path, expires, maxAge, secure, httpOnly } = cookie
  const sameSite = SAME_SITE.find((known) => known.toLowerCase() === cookie.sameSite?.toLowerCase())
  return {
    ...{ name, value, sameSite },
    ...(domain !== undefined && { domain }),
    ...(path !== undefined && { path }),
    ...(expires !== undefined && { expires }),
    ...(maxAge !== undefined && { maxAge }),
    ...(secure !== undefined && { secure }),
    ...(httpOnly !== undefined && { httpOnly }),
  }
}

const SAME_SITE = ['Strict', 'Lax', 'None'] as const
