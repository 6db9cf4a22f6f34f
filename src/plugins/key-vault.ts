import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { createKeyVault, type KeyVault, type KeyVaultOptions } from '../azure/key-vault.ts'

declare module 'fastify' {
  interface FastifyInstance {
    /** The application's Key Vault client, shared by all requests. */
    keyVault: KeyVault
  }
  interface FastifyRequest {
    readonly keyVault: KeyVault
  }
}

const keyVault: FastifyPluginAsync<KeyVaultOptions> = async (app, options) => {
  app.decorate('keyVault', createKeyVault(options))
  app.decorateRequest('keyVault', {
    getter(this: FastifyRequest) {
      return this.server.keyVault
    },
  })
}

export default fp(keyVault, { name: 'key-vault', fastify: '5.x' })
