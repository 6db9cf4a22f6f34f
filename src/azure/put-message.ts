import { randomUUID } from 'node:crypto'
import type { PipelineRequest } from '@azure/core-rest-pipeline'
import { createConnections } from './connections.ts'
import type { Credential } from './credential.ts'
import { withDeadline } from './deadline.ts'
import type { Answer, StopSignal } from './exchange.ts'
import { goOnFrom } from './go-on-from.ts'
import { formatQueueMessage } from './message-text.ts'
import { once } from './once.ts'
import { createUndiciTransport } from './undici-transport.ts'

/** The one that Azure's own client for queues sends; a test holds the two together. */
const API_VERSION = '2026-04-06'
/** The audience of every storage account ('Authorize with Microsoft Entra ID', Azure Storage REST API). */
const SCOPE = 'https://storage.azure.com/.default'
const RETRIES = { maxRetries: 2, retryDelayInMs: 200, maxRetryDelayInMs: 1_000 }
/** For one try; the service gives it up at the same time. A second one has a chance before the operation is over. */
const TRY_TIMEOUT_MS = 3_000
const CONNECT_TIMEOUT_MS = 2_000
/** Nobody reads the bodies, and none has more than some hundred bytes: a longer one is no answer of a queue. */
const MAX_BODY_BYTES = 64 * 1_024
/** A message that was put on the queue. */
const CREATED = 201
/** The SDK renews a token minutes before its end, and gives out none in its last second (its token cycler). */
const AUTHORIZATION_KEPT_MS = 500

interface PutMessageOptions {
  /** `https://<account>.queue.core.windows.net/<queue>` */
  url: string
  credential: Credential
}

/** A request without its authorization. */
interface Message {
  headers: Record<string, string>
  body: string
}

/**
 * Put Message (Azure Storage REST API) on one queue, by way of the SDK's own pipeline: its token handling, its retries
 * of network failures, 408, 429 and 5xx, and nothing else of the twenty steps that its client for queues takes. While all
 * goes well even those have nothing to do: so a message goes with the authorization that the pipeline gave another one
 * just now, and through it only when that fails. Loads the SDK's core at the first message.
 */
export function createPutMessage({ url, credential }: PutMessageOptions) {
  const { origin, path, href } = toTarget(url)
  const connections = createConnections(origin, CONNECT_TIMEOUT_MS)
  /** What the pipeline signed last, and when. */
  let given: { authorization: string; atMs: number } | undefined

  const load = once(async () => {
    const core = await import('@azure/core-rest-pipeline')
    const pipeline = core.createEmptyPipeline()
    pipeline.addPolicy(core.defaultRetryPolicy(RETRIES), { phase: 'Retry' })
    pipeline.addPolicy(core.bearerTokenAuthenticationPolicy({ credential, scopes: SCOPE }), { phase: 'Sign' })
    return { core, pipeline }
  })

  function attempt({ headers, body }: Message, timeoutMs: number, signal?: StopSignal): Promise<Answer> {
    return connections.exchange({ method: 'POST', path, headers, body, timeoutMs, maxBytes: MAX_BODY_BYTES, signal })
  }

  /** @returns undefined when no authorization was given lately */
  function attemptAtOnce({ headers, body }: Message, timeoutMs: number): Promise<Answer> | undefined {
    if (given === undefined || performance.now() - given.atMs > AUTHORIZATION_KEPT_MS) return undefined
    const { authorization } = given
    return attempt({ headers: { ...headers, authorization }, body }, Math.min(timeoutMs, TRY_TIMEOUT_MS))
  }

  /** @param attempted the first try, if there was one: the pipeline decides what comes after it */
  async function sendThroughPipeline(
    message: Message,
    attempted: Promise<Answer> | undefined,
    abortSignal: AbortSignal,
  ) {
    const { core, pipeline } = await load()
    let signed: typeof given
    const send = goOnFrom(attempted, ({ headers, abortSignal }: PipelineRequest) => {
      signed = { authorization: headers.get('authorization') ?? '', atMs: performance.now() }
      return attempt({ ...message, headers: headers.toJSON() }, TRY_TIMEOUT_MS, abortSignal)
    })
    const headers = core.createHttpHeaders(message.headers)
    const request = core.createPipelineRequest({ url: href, method: 'POST', headers, abortSignal })
    const response = await pipeline.sendRequest(createUndiciTransport(core, send), request)
    if (response.status === CREATED) {
      given = signed
      return
    }
    const code = response.headers.get('x-ms-error-code')
    throw new core.RestError('the queue did not take the message', {
      statusCode: response.status,
      ...(code && { code }),
    })
  }

  return {
    /**
     * Resolves once the queue has acknowledged the message. A repeated try may put it there twice.
     * @param text as it is to be on the queue, sendable (message-text.ts)
     * @throws {Error} after `timeoutMs`, whatever it waits for then; or why the queue did not take it
     */
    async send(text: string, timeoutMs: number): Promise<void> {
      const startedAtMs = performance.now()
      const message = formatMessage(text)
      const attempted = attemptAtOnce(message, timeoutMs)
      const answer = await attempted?.catch(() => undefined)
      if (answer?.status === CREATED) return
      given = undefined
      const leftMs = Math.max(0, startedAtMs + timeoutMs - performance.now())
      await withDeadline((abortSignal) => sendThroughPipeline(message, attempted, abortSignal), leftMs, timeoutMs)
    },
    /** Ends its connections, each after the message that is under way on it. */
    close: connections.close,
  }
}

function formatMessage(text: string): Message {
  return {
    headers: {
      'x-ms-version': API_VERSION,
      // In the service's own log of its requests it finds this one by that.
      'x-ms-client-request-id': randomUUID(),
      accept: 'application/xml',
      'content-type': 'application/xml',
    },
    body: formatQueueMessage(text),
  }
}

function toTarget(url: string): { origin: string; path: string; href: string } {
  const target = new URL(url)
  target.pathname = `${target.pathname.replace(/\/$/, '')}/messages`
  target.searchParams.set('timeout', String(TRY_TIMEOUT_MS / 1_000))
  const { origin, pathname, search, href } = target
  return { origin, path: pathname + search, href }
}
