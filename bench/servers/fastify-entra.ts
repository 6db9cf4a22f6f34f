/** The same route behind this project's plugin, which refuses as the real service does. */
import Fastify from 'fastify'
import { IssuedCode } from '../../src/codes/code.ts'
import entraAuth from '../../src/plugins/entra-auth/index.ts'
import problemDetails from '../../src/plugins/problem-details.ts'
import { reportServer } from '../child.ts'
import { portOf } from '../port-of.ts'
import { tenantId } from '../tokens/identity.ts'
import { ANSWER, PATH } from './answer.ts'

const { BENCH_KEYS = '', BENCH_ISSUER, BENCH_AUDIENCE = '', BENCH_TOKEN_CACHE } = process.env
const keySet: unknown = JSON.parse(BENCH_KEYS)
const KEYS_URL = 'https://keys.bench.example/'

const app = Fastify()
await app.register(problemDetails)
await app.register(entraAuth, {
  issuers: [{ kind: 'entra', tenantId, clientId: BENCH_AUDIENCE }],
  fetchJson: async (url) => (url === KEYS_URL ? keySet : { issuer: BENCH_ISSUER, jwks_uri: KEYS_URL }),
  ...(BENCH_TOKEN_CACHE === 'off' && { tokenCache: false as const }),
})
await app.register(async (api) => {
  api.entraAuth.protect(api)
  api.get(
    PATH,
    { config: { policy: { roles: ['Codes.Issue'] } }, schema: { response: { 200: IssuedCode } } },
    async () => ANSWER,
  )
})
await app.entraAuth.assertReady()
await app.listen({ host: '127.0.0.1', port: 0 })
reportServer(portOf(app.server))
