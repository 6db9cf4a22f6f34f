import { AsyncLocalStorage } from 'node:async_hooks'
import type { InvocationContext, StorageQueueOutput } from '@azure/functions'

/** What Functions knows of the request that is being served. */
export const invocation = new AsyncLocalStorage<InvocationContext>()

/**
 * Hands a message to the Functions host, which puts it on the queue when the function has returned, and answers the caller
 * after that.
 * @throws {Error} outside a request, and for a second message
 */
export function createBindingSender(output: StorageQueueOutput): (text: string) => Promise<void> {
  return async (text) => {
    const outputs = invocation.getStore()?.extraOutputs
    if (outputs === undefined) throw new Error('there is no request whose output binding could take the message')
    if (outputs.get(output) !== undefined) throw new Error('the output binding takes one message for a request')
    outputs.set(output, text)
  }
}
