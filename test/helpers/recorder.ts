import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { buffer } from 'node:stream/consumers'
import type { LocalCloud } from '../../local-cloud/cloud.ts'

interface Recorded {
  method: string | undefined
  url: string | undefined
  headers: IncomingHttpHeaders
  body: string
}

/** A server over https that keeps every request, and answers as it is told. */
export async function startRecorder(t: { after(fn: () => unknown): void }, { certificate }: LocalCloud) {
  const requests: Recorded[] = []
  let answer = (response: ServerResponse): void => {
    response.writeHead(201).end()
  }
  const server = createServer(
    { cert: readFileSync(certificate.certFile), key: readFileSync(certificate.keyFile) },
    async (request, response) => {
      const body = await buffer(request).catch(() => Buffer.alloc(0))
      requests.push({ method: request.method, url: request.url, headers: request.headers, body: body.toString() })
      answer(response)
    },
  )
  let connections = 0
  server.on('secureConnection', () => {
    connections += 1
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    requests,
    /** How many there have been. */
    get connections(): number {
      return connections
    },
    origin: `https://localhost:${Object(server.address()).port}`,
    answer(next: (response: ServerResponse) => void): void {
      answer = next
    },
  }
}
