import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { Type } from 'typebox'
import { Compile } from 'typebox/compile'
import { createConnections } from '../azure/connections.ts'
import { type Deadline, NO_DEADLINE } from '../azure/deadline.ts'
import { type Answer, isTimeout } from '../azure/exchange.ts'
import type { ObserveCall } from '../azure/outside-call.ts'
import { CallerGoneError, NumberApiError, UnavailableError } from '../errors.ts'
import { createOutsideCalls, type OutsideCalls, parseRetryAfter } from './outside-calls.ts'
import { createRefreshedValue, type RefreshedValue } from './refreshed-value.ts'

/** A rotated access key is taken over within this time even when the number API still accepts the old one. */
const KEY_REFRESH_EVERY_MS = 10 * 60 * 1_000
const KEY_READ_TIMEOUT_MS = 5_000
/** `{"value":1000}` with room for white space and further members. */
const MAX_BODY_BYTES = 4_096

/** Compiled: it is asked for every code. */
const NumberAnswer = Compile(Type.Object({ value: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }) }))

interface NumberApiOptions {
  /** The whole URL to ask. */
  endpoint: string
  /** Milliseconds for one call, from sending to the last byte. */
  timeoutMs: number
  observe: ObserveCall
  /** Name of the access key in the Key Vault of the plugin `key-vault`. */
  secretName: string
}

type AccessKey = Pick<RefreshedValue<string>, 'value' | 'refresh'>

/** The third party's number API: `GET` with the key in `x-functions-key`, answered by `{"value": <integer>}`. */
function createNumberApi(options: Omit<NumberApiOptions, 'secretName'>, accessKey: AccessKey, calls: OutsideCalls) {
  const { origin, pathname, search } = new URL(options.endpoint)
  const connections = createConnections(origin, options.timeoutMs)

  async function exchange(key: string, { signal, leftMs }: Deadline): Promise<Answer> {
    const timeoutMs = Math.max(0, Math.min(options.timeoutMs, leftMs()))
    try {
      return await connections.exchange({
        method: 'GET',
        path: pathname + search,
        headers: { 'x-functions-key': key, accept: 'application/json' },
        timeoutMs,
        maxBytes: MAX_BODY_BYTES,
        signal,
      })
    } catch (cause) {
      if (signal?.aborted) throw new CallerGoneError()
      if (isTimeout(cause)) {
        throw timedOut(timeoutMs, { cause, isCallersFault: timeoutMs < options.timeoutMs })
      }
      throw new NumberApiError('number_api_failed', 'The number API could not be reached.', { cause })
    }
  }

  function ask(key: string, deadline: Deadline): Promise<Answer> {
    return options.observe('number_api', () => exchange(key, deadline), isGood)
  }

  /** Reads the key again when it was refused, unless another request has done so since. */
  async function keyAfter(refused: string): Promise<string> {
    const { value } = accessKey
    return value !== undefined && value !== refused ? value : await readKey()
  }

  async function readKey(): Promise<string> {
    try {
      return await accessKey.refresh()
    } catch (cause) {
      throw new UnavailableError('secret_unavailable', "The number API's access key cannot be read for the moment.", {
        cause,
      })
    }
  }

  return {
    /**
     * @throws {CallerGoneError} when the deadline's signal fires
     * @throws {NumberApiError} when there is no usable answer in time
     * @throws {UnavailableError} `secret_unavailable` when the access key cannot be read, `number_api_unavailable` while
     *   the number API fails most calls
     */
    fetchNumber(deadline: Deadline = NO_DEADLINE): Promise<number> {
      return calls.run(deadline, async () => {
        const key = accessKey.value ?? (await readKey())
        let answer = await ask(key, deadline)
        if (answer.status === 401 || answer.status === 403) answer = await ask(await keyAfter(key), deadline)
        return parseAnswer(answer)
      })
    },
    /** Reads the access key from the vault now; the one in use stays when that fails. */
    refreshAccessKey: readKey,
    close: connections.close,
  }
}

function isGood({ status }: Answer): boolean {
  return status === 200
}

function timedOut(timeoutMs: number, fault: { cause?: unknown; isCallersFault: boolean }): NumberApiError {
  const detail = `The number API did not answer within ${Math.round(timeoutMs)} ms.`
  return new NumberApiError('number_api_timeout', detail, fault)
}

function parseAnswer({ status, headers, body }: Answer): number {
  if (status !== 200) {
    throw new NumberApiError('number_api_failed', `The number API answered with status ${status}.`, {
      upstreamStatus: status,
      retryAfterMs: parseRetryAfter(headers['retry-after'], Date.now()),
    })
  }
  if (body === undefined) throw new NumberApiError('number_api_invalid', 'The number API answered too much.')
  const answer = parseJson(body)
  if (NumberAnswer.Check(answer)) return answer.value
  throw new NumberApiError('number_api_invalid', 'The number API answered without a whole number in "value".')
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

declare module 'fastify' {
  interface FastifyInstance {
    numberApi: Omit<ReturnType<typeof createNumberApi>, 'close'>
  }
}

const numberApi: FastifyPluginAsync<NumberApiOptions> = async (app, options) => {
  const accessKey = createRefreshedValue({
    load: (signal) => app.keyVault.getSecret(options.secretName, signal),
    loadTimeoutMs: KEY_READ_TIMEOUT_MS,
    refreshEveryMs: KEY_REFRESH_EVERY_MS,
    onFailure: (error) =>
      app.log.warn({ err: error, secretName: options.secretName }, 'the access key could not be read'),
  })
  const calls = createOutsideCalls({
    name: 'number_api',
    title: 'The number API',
    log: app.log,
    outOfTime: () => timedOut(0, { isCallersFault: true }),
  })
  const api = createNumberApi(options, accessKey, calls)
  app.decorate('numberApi', api)
  app.addHook('onClose', async () => {
    accessKey.stop()
    await api.close()
  })
}

export default fp(numberApi, { name: 'number-api', fastify: '5.x', dependencies: ['key-vault'] })
