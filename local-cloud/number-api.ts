import { randomNumber } from '../functions/number-api/random-number.ts'
import type { Server } from './server.ts'

/** The third party: `functions/number-api`, behind the host that checks its access key. */
export async function registerNumberApi(app: Server, currentKey: () => string | undefined): Promise<void> {
  app.get('/api/RandomNumber', async (request, reply) => {
    if (request.headers['x-functions-key'] !== currentKey()) return reply.code(401).send()
    const { headers, jsonBody } = randomNumber()
    return reply.headers(headers).send(jsonBody)
  })
}
