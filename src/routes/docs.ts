import type { FastifyInstance, FastifyPluginAsync, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { CallerGoneError, PublicError } from '../errors.ts'
import type { IssuerOptions } from '../plugins/entra-auth/issuer-options.ts'

/**
 * Answers of the page under way at the same time; a browser has six. Each opens a file before its turn comes on its
 * connection, and anybody may ask for a thousand at once.
 */
const MAX_ANSWERS = 60

interface DocsOptions {
  issuers: readonly IssuerOptions[]
  clientId: string | undefined
}

/**
 * `GET /openapi.json`: what this API is, in OpenAPI 3.1. `GET /docs`: a page to read and to try it out. Both come from an
 * application beside this one, made when somebody first asks: most processes never need it (docs/decisions/0030).
 */
const docs: FastifyPluginAsync<DocsOptions> = async (app, { issuers, clientId }) => {
  let making: Promise<FastifyInstance> | undefined

  async function make(): Promise<FastifyInstance> {
    const { createDocumentation } = await import('../openapi/documentation.ts')
    return await createDocumentation({ routes: app.apiRoutes, issuers, clientId })
  }

  function documentation(): Promise<FastifyInstance> {
    making ??= make().catch((error: unknown) => {
      making = undefined
      throw error
    })
    return making
  }

  let answers = 0

  async function servePage(request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const { routing } = await documentation()
    if (answers >= MAX_ANSWERS) throw tooManyAnswers()
    if (reply.raw.destroyed) throw new CallerGoneError()
    answers += 1
    reply.raw.once('close', () => {
      answers -= 1
    })
    reply.hijack()
    // What every answer here has, unless the page says otherwise; and the request id by which the log knows it.
    for (const [name, value = ''] of Object.entries(reply.getHeaders())) reply.raw.setHeader(name, value)
    request.raw.headers['x-request-id'] = request.id
    routing(request.raw, reply.raw)
  }

  app.get('/openapi.json', async () => (await documentation()).swagger())
  app.get('/docs', servePage)
  app.get('/docs/*', servePage)
  app.addHook('onClose', async () => await (await making)?.close())
}

function tooManyAnswers(): PublicError {
  return new PublicError({
    status: 429,
    code: 'rate_limited',
    title: 'Too many requests.',
    detail: 'The documentation is sent to as many at a time as it can be. Send the request again.',
    headers: { 'retry-after': '1' },
  })
}

export default fp(docs, { name: 'route-docs', encapsulate: true, dependencies: ['api-routes'] })
