import assert from 'node:assert/strict'
import { registerHooks } from 'node:module'
import { after, test } from 'node:test'
import { caller } from '../../local-cloud/directory.ts'
import { startCloud } from '../helpers/cloud.ts'

const SDKS = ['@azure/core-rest-pipeline', '@azure/data-tables', '@azure/storage-queue']
const asked = new Set<string>()
registerHooks({
  resolve(specifier, context, next) {
    if (context.parentURL?.includes('/src/azure/')) asked.add(specifier)
    return next(specifier, context)
  },
})
const loaded = () => SDKS.filter((name) => asked.has(name))

// Only now, so that nothing of the application is loaded unseen.
const { startApp } = await import('../helpers/app.ts')
const cloud = await startCloud()
const app = await startApp({ after }, cloud)

test('clients of Azure are loaded when they are needed: none at the start, one for a code, all for readiness', async () => {
  assert.deepEqual(loaded(), [])
  const authorization = `Bearer ${await cloud.tokens.forApi(caller)}`
  assert.equal((await app.inject({ url: '/api/v1/getcode', headers: { authorization } })).statusCode, 200)
  assert.deepEqual(loaded(), ['@azure/core-rest-pipeline'])
  assert.equal((await app.inject('/readyz')).statusCode, 200)
  assert.deepEqual(loaded(), SDKS)
})
