import assert from 'node:assert/strict'
import { symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { after, afterEach, describe, test } from 'node:test'
import { QueueClient } from '@azure/storage-queue'
import { caller } from '../../local-cloud/directory.ts'
import { createCredential } from '../../src/azure/credential.ts'
import { createStorageQueue, type Lease } from '../../src/azure/storage-queue.ts'
import { createStorageTable } from '../../src/azure/storage-table.ts'
import { createCode } from '../../src/codes/code.ts'
import { digestOf, keysOf } from '../../src/codes/code-record.ts'
import { readPoisoned } from '../../src/codes/poison.ts'
import { startCloud } from '../helpers/cloud.ts'
import { host } from '../helpers/functions-host.ts'
import { emptyFolder, succeed } from '../helpers/package.ts'
import { eventually, root } from '../helpers/processes.ts'
import { startTcpProxy } from '../helpers/tcp-proxy.ts'

const LIFETIME_SECONDS = 5
/** How long the host leases messages. */
const HOST_LEASE_SECONDS = 600

const cloud = await startCloud()
const { queueUrl, tableUrl } = cloud.storage
const tableProxy = await startTcpProxy({ after }, new URL(tableUrl))
Object.assign(process.env, cloud.serviceEnv, {
  CODES_TABLE_URL: tableProxy.url,
  LOG_LEVEL: 'silent',
  STORAGE_QUEUE_SENDER: 'binding',
  CODE_LIFETIME_SECONDS: String(LIFETIME_SECONDS),
})
// What is deployed, in a folder of its own.
const deployed = await emptyFolder({ after })
await succeed({ after }, process.execPath, [join(root, 'tools/assemble-function-app.ts'), deployed])
await symlink(join(root, 'node_modules'), join(deployed, 'node_modules'), 'junction')
await import(join(deployed, 'functions/api/main.mjs'))
await host.start()
after(() => host.stop())

const credential = createCredential()
const options = { credential, messageEncoding: 'text' } as const
const queue = createStorageQueue({ url: queueUrl, ...options })
const poisonQueue = createStorageQueue({ url: `${queueUrl}-poison`, ...options })
const table = createStorageTable({ url: tableUrl, credential })
const hostsQueue = new QueueClient(queueUrl, credential)
const authorization = `Bearer ${await cloud.tokens.forApi(caller)}`

const get = async (path: string, headers: Record<string, string> = {}) =>
  await host.request('api', { url: `https://codes.example${path}`, headers })

async function verify(code: string): Promise<unknown> {
  const answer = await host.request('api', {
    ...{ method: 'POST', url: 'https://codes.example/api/v1/codes/verify' },
    headers: { authorization, 'content-type': 'application/json' },
    body: { bytes: Buffer.from(JSON.stringify({ code })) },
  })
  assert.equal(answer.status, 200, answer.body.toString())
  return JSON.parse(answer.body.toString()).valid
}

/**
 * What the host does with the next message ('Azure Queue storage trigger', Microsoft Learn).
 * @param meanwhile happens between the lease and the invocation
 * @returns whether the function succeeded
 */
async function deliver(meanwhile: (leased: Lease) => Promise<unknown> = async () => undefined): Promise<boolean> {
  const leased = await eventually(async () => {
    const { receivedMessageItems } = await hostsQueue.receiveMessages({ visibilityTimeout: HOST_LEASE_SECONDS })
    return receivedMessageItems[0]
  }, 'a message is visible')
  const { messageId, popReceipt, messageText, dequeueCount, insertedOn } = leased
  await meanwhile(leased)
  const invoked = host.invoke(
    'worker',
    { string: messageText },
    {
      Id: { string: messageId },
      PopReceipt: { string: popReceipt },
      DequeueCount: { string: String(dequeueCount) },
      InsertionTime: { json: JSON.stringify(insertedOn) },
    },
  )
  try {
    await invoked
  } catch {
    await hostsQueue.updateMessage(messageId, popReceipt, undefined, 0).catch(assertLeaseLost)
    return false
  }
  await hostsQueue.deleteMessage(messageId, popReceipt).catch(assertLeaseLost)
  return true
}

/** The host takes that in its stride: the function changed the message. */
function assertLeaseLost(error: unknown): void {
  assert.match(String(Object(error).code), /^(?:MessageNotFound|PopReceiptMismatch)$/)
}

async function put(code = createCode(161)): Promise<string> {
  await queue.sendMessage(JSON.stringify({ code, timestamp: new Date().toISOString() }))
  return code
}

const stateOf = async (code: string) => (await table.find(keysOf(digestOf(code))))?.properties['state']

afterEach(() => queue.clearMessages())

describe('the service as a function app', () => {
  test('registers the API for every path, the worker for the queue, and the sweeper', () => {
    const bindings = Object.fromEntries(
      [...host.functions].map(([name, { metadata }]) => [name, Object.values(metadata.bindings)]),
    )
    const find = (name: string, type: string) => bindings[name]?.find((binding) => binding.type === type)
    assert.deepEqual(Object.keys(bindings), ['api', 'worker', 'sweep'])
    assert.equal(find('api', 'httpTrigger')?.['route'], '{*path}')
    assert.equal(find('api', 'httpTrigger')?.['authLevel'], 'anonymous')
    for (const queueBinding of [find('api', 'queue'), find('worker', 'queueTrigger')]) {
      assert.deepEqual([queueBinding?.['queueName'], queueBinding?.['connection']], ['code-requests', 'CODES_STORAGE'])
    }
    assert.ok(find('sweep', 'timerTrigger'))
  })

  test('getcode hands its code to the output binding, and answers with the same code', async () => {
    const { status, body, outputs } = await get('/api/v1/getcode', { authorization })
    assert.equal(status, 200, body.toString())
    assert.equal(outputs.get('code-requests')?.string, body.toString())
    assert.equal(await queue.countMessages(), 0)
  })

  test('two requests at the same time each hand over their own code', async () => {
    const both = await Promise.all([
      get('/api/v1/getcode', { authorization }),
      get('/api/v1/getcode', { authorization }),
    ])
    for (const { body, outputs } of both) assert.equal(outputs.get('code-requests')?.string, body.toString())
  })

  test('refuses a caller without a token as ever, and hands over nothing', async () => {
    const { status, headers, body, outputs } = await get('/api/v1/getcode')
    assert.deepEqual([status, JSON.parse(body.toString()).code], [401, 'token_missing'])
    assert.match(String(headers['www-authenticate']), /^Bearer/)
    assert.equal(outputs.size, 0)
  })

  test('is ready, and asks the queue itself', async () => {
    const { status, body } = await get('/readyz')
    assert.equal(status, 200, body.toString())
  })
})

describe('the worker as a queue trigger', () => {
  test('makes a code valid once; the host deletes nothing; the same message ends the code', async () => {
    const { body } = await get('/api/v1/getcode', { authorization })
    const { code } = JSON.parse(body.toString())
    await queue.sendRawMessage(body.toString())
    assert.equal(await deliver(), true)
    assert.equal(await queue.countMessages(), 1)
    assert.equal(await stateOf(code), 'valid')
    assert.deepEqual([await verify(code), await verify(code)], [true, false])
    assert.equal(await deliver(), true)
    assert.equal(await stateOf(code), 'used')
    assert.equal(await queue.countMessages(), 0)
  })

  test('ends a code that nobody used', async () => {
    const code = await put()
    assert.equal(await deliver(), true)
    assert.equal(await deliver(), true)
    assert.deepEqual([await stateOf(code), await queue.countMessages()], ['ended', 0])
  })

  test('a second delivery changes nothing', async () => {
    const code = await put()
    await deliver()
    assert.equal(await verify(code), true)
    await put(code)
    await deliver()
    assert.deepEqual([await verify(code), await stateOf(code)], [false, 'used'])
  })

  test('a crash after the step: the message is delivered again, and finds it done', async () => {
    const code = await put()
    // The host that leased it is gone; its lease is cut short here.
    const crashed = deliver(async ({ messageId, popReceipt }) => {
      await table.insert({
        ...keysOf(digestOf(code)),
        state: 'valid',
        issuedAt: now(),
        expiresAt: now(LIFETIME_SECONDS),
      })
      await hostsQueue.updateMessage(messageId, popReceipt, undefined, 0)
    })
    assert.equal(await crashed, false, 'a lease that is lost is no success: the host would delete the message')
    assert.equal(await deliver(), true)
    assert.deepEqual([await verify(code), await queue.countMessages()], [true, 1])
  })

  test('an outage of the table is nobody’s fault: the message stays, however often it was delivered', async () => {
    const code = await put()
    await tableProxy.set('refuse')
    for (let time = 0; time < 6; time += 1) assert.equal(await deliver(), false)
    await tableProxy.set('up')
    assert.equal(await deliver(), true)
    assert.deepEqual([await stateOf(code), await poisonQueue.countMessages()], ['valid', 0])
  })

  test('a message that cannot be read goes to the poison queue with its reason', async () => {
    await queue.sendRawMessage('no code')
    assert.equal(await deliver(), true)
    assert.equal(await queue.countMessages(), 0)
    const [poisoned] = await poisonQueue.peekMessages(1)
    assert.deepEqual(readPoisoned(poisoned?.text ?? ''), { text: 'no code', reason: 'it is not JSON' })
  })

  test('a code that Functions wrote in base64 is read too', async () => {
    const code = createCode(161)
    await queue.sendRawMessage(
      Buffer.from(JSON.stringify({ code, timestamp: new Date().toISOString() })).toString('base64'),
    )
    await deliver()
    assert.equal(await stateOf(code), 'valid')
  })
})

test('the sweeper deletes rows of codes whose time is long over, and no others', async () => {
  const [old, fresh] = [createCode(1), createCode(2)]
  await table.insert({ ...keysOf(digestOf(old)), state: 'used', issuedAt: now(-8_000), expiresAt: now(-7_400) })
  await table.insert({ ...keysOf(digestOf(fresh)), state: 'used', issuedAt: now(), expiresAt: now(600) })
  await host.invoke('sweep', { json: '{}' })
  assert.deepEqual([await stateOf(old), await stateOf(fresh)], [undefined, 'used'])
})

test('with STORAGE_QUEUE_SENDER=client the code is on the queue before the answer, which is a stream', async () => {
  Object.assign(process.env, { STORAGE_QUEUE_SENDER: 'client' })
  await import('../../functions/api/main.ts')
  after(() => host.stop())
  const bindings = Object.values(host.functions.get('api')?.metadata.bindings ?? {})
  assert.deepEqual(bindings.map(({ type }) => type).sort(), ['http', 'httpTrigger'])
  const stream = await host.openStreams()
  const answer = await stream('api', '/api/v1/getcode', { headers: { authorization } })
  const text = await answer.text()
  assert.equal(answer.status, 200, text)
  assert.equal((await queue.peekMessages(1))[0]?.text, text)
})

function now(offsetSeconds = 0): string {
  return new Date(Date.now() + offsetSeconds * 1_000).toISOString()
}
