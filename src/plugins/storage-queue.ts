import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { createStorageQueues, type StorageQueues, type StorageQueuesOptions } from '../azure/storage-queues.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The application's client for its queue, or all of its queues, shared by all requests. */
    queue: StorageQueues
  }
  interface FastifyRequest {
    readonly queue: StorageQueues
  }
}

const storageQueue: FastifyPluginAsync<Omit<StorageQueuesOptions, 'onFailure'>> = async (app, options) => {
  const onFailure = (queue: string, err: unknown) => app.log.warn({ err, queue }, 'a queue failed, others do its work')
  const queue = createStorageQueues({ ...options, onFailure })
  app.decorate('queue', queue)
  app.decorateRequest('queue', {
    getter(this: FastifyRequest) {
      return this.server.queue
    },
  })
  app.addHook('onClose', () => queue.close())
}

export default fp(storageQueue, { name: 'storage-queue', fastify: '5.x' })
