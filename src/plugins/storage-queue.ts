import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { createStorageQueues, type StorageQueues, type StorageQueuesOptions } from '../azure/storage-queues.ts'

export interface StorageQueueOptions extends Omit<StorageQueuesOptions, 'onFailure' | 'messageEncoding'> {
  /** Default `text`; `base64` is what Azure Functions triggers expect unless told otherwise. */
  messageEncoding?: 'text' | 'base64' | undefined
}

export type { StorageQueues }

declare module 'fastify' {
  interface FastifyInstance {
    /** The application's client for its queue, or all of its queues, shared by all requests. */
    queue: StorageQueues
  }
  interface FastifyRequest {
    /** The same. */
    readonly queue: StorageQueues
  }
}

/** Gives the application and every request the client of one or several Storage queues. */
const storageQueue: FastifyPluginAsync<StorageQueueOptions> = async (app, options) => {
  const onFailure = (queue: string, err: unknown) => app.log.warn({ err, queue }, 'a queue failed, others do its work')
  const queue = createStorageQueues({ ...options, messageEncoding: options.messageEncoding ?? 'text', onFailure })
  app.decorate('queue', queue)
  app.decorateRequest('queue', {
    getter(this: FastifyRequest) {
      return this.server.queue
    },
  })
  app.addHook('onClose', () => queue.close())
}

export default fp(storageQueue, { name: 'storage-queue', fastify: '5.x' })
