import type { StorageQueue } from '../azure/storage-queue.ts'
import { createCode, type IssuedCode } from './code.ts'

interface Neighbours {
  numberApi: { fetchNumber(): Promise<number> }
  queue: Pick<StorageQueue, 'sendMessage'>
}

/**
 * Makes a code and puts it on the queue. Resolves only after the queue acknowledged it: nobody ever holds a code that
 * the queue has not.
 * @param nowMs milliseconds since the epoch
 * @throws {NumberApiError} and then nothing is on the queue
 * @throws {UnavailableError} `secret_unavailable` or `queue_unavailable`
 */
export async function issueCode({ numberApi, queue }: Neighbours, nowMs: number = Date.now()): Promise<IssuedCode> {
  const code = createCode(await numberApi.fetchNumber())
  const issued = { code, timestamp: new Date(nowMs).toISOString() }
  await queue.sendMessage(JSON.stringify(issued))
  return issued
}
