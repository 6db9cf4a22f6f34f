import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { components } from '../../examples/typescript-client/api.ts'
import { createCodesClient } from '../../examples/typescript-client/client.ts'
import { caller, stranger } from '../../local-cloud/directory.ts'
import { startApp } from '../helpers/app.ts'
import { startCloud } from '../helpers/cloud.ts'
import { root, run } from '../helpers/processes.ts'

const cloud = await startCloud()
const app = await startApp({ after }, cloud)
const url = await app.listen()
const client = createCodesClient(url, () => cloud.tokens.forApi(caller))

test('the generated client compiles', async (t) => {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const { status, output } = await run(t, process.execPath, [tsc, '--project', 'examples/typescript-client'])
  assert.equal(status, 0, output)
})

test('a client generated from openapi.json gets a code, has it checked, and is greeted', async () => {
  const { data: issued, error } = await client.GET('/api/v1/getcode')
  assert.ok(issued, JSON.stringify(error))
  assert.match(issued.code, /^[A-Za-z]{3}-\d+-[A-Za-z]{3}$/)

  // No worker runs here: nobody has made the code valid.
  const { data: verification } = await client.POST('/api/v1/codes/verify', { body: { code: issued.code } })
  assert.deepEqual(verification, { valid: false })

  const { data: greeting } = await client.GET('/api/v1/hello-graph')
  assert.equal(greeting?.flow, 'client_credentials')
  assert.equal(greeting.graph['displayName'], 'Caller')
})

test('an error has the type that the description gives it', async () => {
  const refused = createCodesClient(url, () => cloud.tokens.forApi(stranger))
  const { error, response } = await refused.GET('/api/v1/getcode')
  const problem: components['schemas']['Problem'] | undefined = error
  assert.deepEqual([response.status, problem?.status, problem?.code], [403, 403, 'role_missing'])

  // @ts-expect-error this body lacks the code
  assert.equal((await refused.POST('/api/v1/codes/verify', { body: {} })).response.status, 403)
  // @ts-expect-error this path does not exist
  assert.equal((await refused.GET('/api/v1/code')).response.status, 404)
})
