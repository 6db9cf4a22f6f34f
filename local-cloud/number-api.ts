import { randomInt } from 'node:crypto'
import type { Server } from './server.ts'

/** The third party: `GET /api/RandomNumber` with an access key, as an Azure Function with function-level keys. */
export async function registerNumberApi(app: Server, currentKey: () => string | undefined): Promise<void> {
  app.get('/api/RandomNumber', async (request, reply) => {
    if (request.headers['x-functions-key'] !== currentKey()) return reply.code(401).send()
    return { value: randomInt(1, 1_001) }
  })
}
