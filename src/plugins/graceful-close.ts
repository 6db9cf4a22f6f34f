import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'

/**
 * Ends connections with the answers that are still in flight when the server closes. Node and Fastify end those that
 * are idle at that moment; one that falls idle afterwards would hold up the end of the process for its keep-alive time.
 */
const gracefulClose: FastifyPluginAsync = async (app) => {
  let isClosing = false
  app.addHook('preClose', async () => {
    isClosing = true
  })
  app.addHook('onSend', (_request, reply, _payload, done) => {
    if (isClosing) reply.header('connection', 'close')
    done()
  })
}

export default fp(gracefulClose, { name: 'graceful-close', fastify: '5.x' })
