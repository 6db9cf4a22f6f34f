import assert from 'node:assert/strict'
import { once } from 'node:events'
import { get } from 'node:http'
import { type TestContext, test } from 'node:test'
import { caller } from '../../local-cloud/directory.ts'
import { NO_DEADLINE } from '../../src/azure/deadline.ts'
import { startApp } from '../helpers/app.ts'
import { startCloud } from '../helpers/cloud.ts'
import { eventually } from '../helpers/processes.ts'
import { startRecorder } from '../helpers/recorder.ts'

const cloud = await startCloud()
const headers = { authorization: `Bearer ${await cloud.tokens.forApi(caller)}` }

/** The service with a number API and a queue that keep and answer what they get as the test says. */
async function startWithRecorders(t: TestContext) {
  const numbers = await startRecorder(t, cloud)
  const queue = await startRecorder(t, cloud)
  numbers.answer((response) => response.end('{"value":161}'))
  const app = await startApp(t, cloud, {
    THIRD_PARTY_API_ENDPOINT: `${numbers.origin}/api/RandomNumber`,
    STORAGE_QUEUE_URL: `${queue.origin}/account/codes`,
  })
  const origin = await app.listen({ port: 0 })
  await eventually(() => numbers.requests.length === 1 && queue.requests.length === 1, 'the service has warmed up')
  numbers.requests.length = 0
  queue.requests.length = 0
  return { app, numbers, queue, getcode: () => get(`${origin}/api/v1/getcode`, { headers }) }
}

test('a caller who hangs up ends the call of the number API, and nothing goes to the queue', async (t) => {
  const { numbers, queue, getcode } = await startWithRecorders(t)
  let wasEnded = false
  numbers.answer((response) => {
    response.once('close', () => {
      wasEnded = true
    })
  })
  const request = getcode().on('error', () => undefined)
  await eventually(() => numbers.requests.length === 1, 'the number API is asked')
  request.destroy()
  await eventually(() => wasEnded, 'the call is ended')
  assert.equal(queue.requests.length, 0)

  numbers.answer((response) => response.end('{"value":161}'))
  const [response] = await once(getcode(), 'response')
  assert.equal(response.statusCode, 200)
  assert.equal(queue.requests.length, 1)
})

test('a caller who hangs up while the code goes to the queue ends nothing', async (t) => {
  const { queue, getcode } = await startWithRecorders(t)
  let wasAnswered: boolean | undefined
  queue.answer((response) => {
    response.once('close', () => {
      wasAnswered = response.writableFinished
    })
    setTimeout(() => response.writeHead(201).end(), 200)
  })
  const request = getcode().on('error', () => undefined)
  await eventually(() => queue.requests.length === 1, 'the code is on its way')
  request.destroy()
  assert.equal(await eventually(() => wasAnswered !== undefined && String(wasAnswered), 'it arrives'), 'true')
})

test('a probe of readiness that gives up ends its call too', async (t) => {
  const { app, numbers } = await startWithRecorders(t)
  let wasEnded = false
  numbers.answer((response) => {
    response.once('close', () => {
      wasEnded = true
    })
  })
  await assert.rejects(app.numberApi.fetchNumber({ ...NO_DEADLINE, signal: AbortSignal.timeout(100) }), {
    code: 'caller_gone',
  })
  await eventually(() => wasEnded, 'the call is ended')
})

test('connections to the number API and the queue are replaced after a minute, so that DNS changes are followed', async (t) => {
  const { numbers, queue, getcode } = await startWithRecorders(t)
  const connections = () => [numbers.connections, queue.connections]
  const issue = async () => {
    const [response] = await once(getcode(), 'response')
    assert.equal(response.statusCode, 200)
    await once(response.resume(), 'end')
  }
  await issue()
  const before = connections()
  await issue()
  assert.deepEqual(connections(), before)
  t.mock.timers.enable({ apis: ['Date'], now: Date.now() + 61_000 })
  await issue()
  assert.deepEqual(
    connections(),
    before.map((count) => count + 1),
  )
})
