/** What an identity provider publishes, for peers that insist on fetching it: metadata and keys, over https. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:https'
import { reportServer } from '../child.ts'
import { portOf } from '../port-of.ts'

const { BENCH_KEYS, BENCH_ISSUER, BENCH_CERT_FILE = '', BENCH_KEY_FILE = '' } = process.env

const server = createServer({ cert: readFileSync(BENCH_CERT_FILE), key: readFileSync(BENCH_KEY_FILE) })
server.on('request', (request, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(request.url?.startsWith('/keys') ? BENCH_KEYS : createMetadata())
})
server.listen(0, '127.0.0.1', () => reportServer(portOf(server)))

function createMetadata(): string {
  return JSON.stringify({
    issuer: BENCH_ISSUER,
    jwks_uri: `https://localhost:${portOf(server)}/keys`,
    authorization_endpoint: `https://localhost:${portOf(server)}/authorize`,
    token_endpoint: `https://localhost:${portOf(server)}/token`,
    id_token_signing_alg_values_supported: ['RS256'],
  })
}
