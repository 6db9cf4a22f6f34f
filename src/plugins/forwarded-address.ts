import type { FastifyPluginCallback } from 'fastify'
import fp from 'fastify-plugin'

/** `192.0.2.1:51234`, `[2001:db8::1]:51234`, `[2001:db8::1]`. Bounded, so that a long header costs no more than its length. */
const WITH_PORT = /(?<![\d.])(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}|\[([0-9a-f:.]{2,45})\](?::\d{1,5})?/gi

/**
 * Some proxies, Azure's App Service and Application Gateway among them, write the caller's port into `x-forwarded-for`
 * behind the address. It is another one for every connection, and nobody must pass for many by it.
 */
const forwardedAddress: FastifyPluginCallback = (app, _options, done) => {
  app.addHook('onRequest', ({ headers }, _reply, next) => {
    const addresses = headers['x-forwarded-for']
    if (typeof addresses === 'string') headers['x-forwarded-for'] = addresses.replace(WITH_PORT, '$1$2')
    next()
  })
  done()
}

export default fp(forwardedAddress, { name: 'forwarded-address', fastify: '5.x' })
