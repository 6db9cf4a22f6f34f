import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { test } from 'node:test'
import { startCloud } from './helpers/cloud.ts'

const loaded = new Set<string>()
registerHooks({
  resolve(specifier, context, next) {
    if (context.parentURL?.includes('/src/')) loaded.add(specifier)
    return next(specifier, context)
  },
})

// Only now, so that nothing of the application is loaded unseen.
const { startApp } = await import('./helpers/app.ts')
const cloud = await startCloud()
const off = { ENTRA_WEB_CLIENT_ID: '', WEB_ORIGIN: '', WEB_SESSIONS_TABLE_URL: '', WEB_SESSION_KEY_NAME: '' }

test('the web application is not there, not linked to and not even loaded when it is not configured', async (t) => {
  const app = await startApp(t, cloud, { ...off, ENTRA_WEB_CERTIFICATE_NAME: '' })
  assert.equal((await app.inject('/app')).statusCode, 404)
  assert.doesNotMatch((await app.inject('/')).body, /\/app/)
  for (const name of ['./web-app.ts', '@fastify/session', '@fastify/formbody']) assert.ok(!loaded.has(name), name)
})

test('when it is configured it is loaded, and Entra and MSAL are left alone until somebody signs in', async (t) => {
  const before = cloud.faults.count('entra')
  const app = await startApp(t, cloud)
  assert.ok(loaded.has('@fastify/session'))
  assert.ok(!loaded.has('@azure/msal-node'))
  assert.equal((await app.inject('/app')).statusCode, 200)
  assert.ok(cloud.faults.count('entra') - before <= 4, 'only the signing keys were asked for')
})
