// @fastify/jwt with jwks-rsa, as the README of either wires it: keys by `kid`, kept by jwks-rsa.
import fastifyJwt from '@fastify/jwt'
import Fastify from 'fastify'
import jwksRsa from 'jwks-rsa'
import { reportServer } from '../child.ts'
import { ANSWER, PATH } from '../servers/answer.ts'
import { settings } from './settings.mjs'

const client = jwksRsa({ jwksUri: settings.jwksUri, cache: true, rateLimit: true })

const app = Fastify()
await app.register(fastifyJwt, {
  decode: { complete: true },
  secret: async (_request, token) => (await client.getSigningKey(token.header.kid)).getPublicKey(),
  verify: {
    algorithms: ['RS256'],
    allowedIss: settings.issuer,
    allowedAud: settings.audience,
    cache: process.env.BENCH_TOKEN_CACHE === 'on',
  },
})
const response = {
  200: { type: 'object', properties: { code: { type: 'string' }, timestamp: { type: 'string' } } },
}
app.get(PATH, { onRequest: (request) => request.jwtVerify(), schema: { response } }, async () => ANSWER)
await app.listen({ host: '127.0.0.1', port: 0 })
reportServer(app.server.address().port)
