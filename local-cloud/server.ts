import Fastify from 'fastify'
import type { Faults, Part } from './faults.ts'

export type Server = ReturnType<typeof createServer>

/** A server of one part of the cloud, under its fault switches; http where no certificate is given. */
export function createServer(part: Part, faults: Faults, https: { cert: string; key: string } | null) {
  const server = Fastify({
    https,
    forceCloseConnections: true,
    // MSAL writes authority paths in lower case, with B2C policies in them.
    routerOptions: { caseSensitive: false },
  })
  server.addHook('onRequest', async (_request, reply) => await faults.apply(part, reply))
  return server
}

/** @returns the origin, such as `https://localhost:8401` */
export async function listen(server: Server, port: number): Promise<string> {
  const address = new URL(await server.listen({ host: '127.0.0.1', port }))
  return `${address.protocol}//localhost:${address.port}`
}
