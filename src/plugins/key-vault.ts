import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { createKeyVault, type KeyVault, type KeyVaultOptions } from '../azure/key-vault.ts'

export type { KeyVault, KeyVaultOptions }

declare module 'fastify' {
  interface FastifyInstance {
    /** The application's Key Vault client, shared by all requests. */
    keyVault: KeyVault
  }
  interface FastifyRequest {
    /** The same. */
    readonly keyVault: KeyVault
  }
}

/** Gives the application and every request the client of one Key Vault. */
const keyVault: FastifyPluginAsync<KeyVaultOptions> = async (app, options) => {
  app.decorate('keyVault', createKeyVault(options))
  app.decorateRequest('keyVault', {
    getter(this: FastifyRequest) {
      return this.server.keyVault
    },
  })
}

export default fp(keyVault, { name: 'key-vault', fastify: '5.x' })
