import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { createStorageTable, type StorageTable, type StorageTableOptions } from '../azure/storage-table.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The table of codes, shared by all requests. */
    codesTable: StorageTable
  }
}

const codesTable: FastifyPluginAsync<StorageTableOptions> = async (app, options) => {
  app.decorate('codesTable', createStorageTable(options))
}

export default fp(codesTable, { name: 'codes-table', fastify: '5.x' })
