import type { Credential } from './credential.ts'
import { formatQueueMessage } from './message-text.ts'
import { createUndiciTransport } from './undici-transport.ts'

/** The one that Azure's own client for queues sends; a test holds the two together. */
const API_VERSION = '2026-04-06'
/** The audience of every storage account ('Authorize with Microsoft Entra ID', Azure Storage REST API). */
const SCOPE = 'https://storage.azure.com/.default'
const RETRIES = { maxRetries: 2, retryDelayInMs: 200, maxRetryDelayInMs: 1_000 }
/** For one try; the service gives it up at the same time. A second one has a chance before the operation is over. */
const TRY_TIMEOUT_MS = 3_000

interface PutMessageOptions {
  /** `https://<account>.queue.core.windows.net/<queue>` */
  url: string
  credential: Credential
}

/**
 * Put Message (Azure Storage REST API) on one queue, by way of the SDK's own pipeline: its token handling, its retries
 * of network failures, 408, 429 and 5xx, and nothing else of the twenty steps that its client for queues takes. Loads the
 * SDK's core at the first message.
 */
export function createPutMessage({ url, credential }: PutMessageOptions) {
  const { origin, target } = toTarget(url)
  let connection: ReturnType<typeof connect> | undefined

  async function connect() {
    const [core, transport] = await Promise.all([import('@azure/core-rest-pipeline'), createUndiciTransport(origin)])
    const pipeline = core.createEmptyPipeline()
    pipeline.addPolicy(core.defaultRetryPolicy(RETRIES), { phase: 'Retry' })
    pipeline.addPolicy(core.bearerTokenAuthenticationPolicy({ credential, scopes: SCOPE }), { phase: 'Sign' })
    return { core, transport, pipeline }
  }

  async function put(text: string, abortSignal: AbortSignal): Promise<void> {
    connection ??= connect()
    const { core, transport, pipeline } = await connection
    const request = core.createPipelineRequest({
      url: target,
      method: 'POST',
      headers: core.createHttpHeaders({
        'x-ms-version': API_VERSION,
        accept: 'application/xml',
        'content-type': 'application/xml',
      }),
      body: formatQueueMessage(text),
      timeout: TRY_TIMEOUT_MS,
      abortSignal,
    })
    // In the service's own log of its requests it finds this one by that.
    request.headers.set('x-ms-client-request-id', request.requestId)
    const { status, headers } = await pipeline.sendRequest(transport, request)
    if (status === 201) return
    const code = headers.get('x-ms-error-code')
    throw new core.RestError('the queue did not take the message', { statusCode: status, ...(code && { code }) })
  }

  return {
    /**
     * Resolves once the queue has acknowledged the message. A repeated try may put it there twice.
     * @param text as it is to be on the queue, sendable (message-text.ts)
     * @throws {Error} after `timeoutMs`, whatever it waits for then; or why the queue did not take it
     */
    send(text: string, timeoutMs: number): Promise<void> {
      const operation = new AbortController()
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          const reason = new Error(`no answer within ${timeoutMs} ms`)
          operation.abort(reason)
          reject(reason)
        }, timeoutMs)
        const settle = (then: () => void) => {
          clearTimeout(timer)
          then()
        }
        put(text, operation.signal).then(
          () => settle(resolve),
          (error) => settle(() => reject(error)),
        )
      })
    },
    /** Ends its connections, each after the message that is under way on it. */
    async close(): Promise<void> {
      await (await connection)?.transport.close()
    },
  }
}

function toTarget(url: string): { origin: string; target: string } {
  const target = new URL(url)
  target.pathname = `${target.pathname.replace(/\/$/, '')}/messages`
  target.searchParams.set('timeout', String(TRY_TIMEOUT_MS / 1_000))
  return { origin: target.origin, target: target.href }
}
