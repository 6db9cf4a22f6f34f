import type { Deadline } from '../azure/deadline.ts'
import type { StorageQueue } from '../azure/storage-queue.ts'
import { CallerGoneError } from '../errors.ts'
import { createCode, type IssuedCode } from './code.ts'

interface IssueOptions {
  numberApi: { fetchNumber(deadline: Deadline): Promise<number> }
  queue: Pick<StorageQueue, 'sendMessage'>
  /** Whether the caller is gone is heeded until the code is on its way to the queue, which is then finished. */
  deadline: Deadline
  /** Goes with the code to whoever reads the queue; without it the message has nothing but the code. */
  traceparent?: string | undefined
}

/**
 * Makes a code and puts it on the queue. Resolves only after the queue acknowledged it: nobody ever holds a code that
 * the queue has not.
 * @param nowMs milliseconds since the epoch
 * @throws {CallerGoneError} or {NumberApiError}, and then nothing is on the queue
 * @throws {UnavailableError} `secret_unavailable`, `number_api_unavailable` or `queue_unavailable`
 */
export async function issueCode(options: IssueOptions, nowMs: number = Date.now()): Promise<IssuedCode> {
  const { numberApi, queue, deadline, traceparent } = options
  const code = createCode(await numberApi.fetchNumber(deadline))
  if (deadline.signal?.aborted) throw new CallerGoneError()
  const issued = { code, timestamp: new Date(nowMs).toISOString() }
  const message = JSON.stringify(traceparent === undefined ? issued : { ...issued, traceparent })
  await queue.sendMessage(message, deadline.leftMs())
  return issued
}
