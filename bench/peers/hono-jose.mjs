// Hono on Node, with the verification that jose's documentation shows.
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { reportServer } from '../child.ts'
import { ANSWER, PATH } from '../servers/answer.ts'
import { settings } from './settings.mjs'

const { issuer, audience, jwksUri } = settings
const keys = createRemoteJWKSet(new URL(jwksUri))

const app = new Hono()
app.use(PATH, async (context, next) => {
  const token = context.req.header('authorization')?.replace(/^Bearer /, '')
  try {
    await jwtVerify(token ?? '', keys, { issuer, audience, algorithms: ['RS256'] })
  } catch {
    return context.json({ error: 'invalid_token' }, 401)
  }
  return await next()
})
app.get(PATH, (context) => context.json(ANSWER))
serve({ fetch: app.fetch, hostname: '127.0.0.1', port: 0 }, ({ port }) => reportServer(port))
