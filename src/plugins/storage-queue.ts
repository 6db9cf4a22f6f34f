import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { createStorageQueue, type StorageQueue, type StorageQueueOptions } from '../azure/storage-queue.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The application's queue client, shared by all requests. */
    queue: StorageQueue
  }
  interface FastifyRequest {
    readonly queue: StorageQueue
  }
}

const storageQueue: FastifyPluginAsync<StorageQueueOptions> = async (app, options) => {
  const queue = createStorageQueue(options)
  app.decorate('queue', queue)
  app.decorateRequest('queue', {
    getter(this: FastifyRequest) {
      return this.server.queue
    },
  })
  app.addHook('onClose', () => queue.close())
}

export default fp(storageQueue, { name: 'storage-queue', fastify: '5.x' })
