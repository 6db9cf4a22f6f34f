import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, test } from 'node:test'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { caller } from '../../local-cloud/directory.ts'
import { createCredential } from '../../src/azure/credential.ts'
import { assertSendable } from '../../src/azure/message-text.ts'
import { createStorageQueue } from '../../src/azure/storage-queue.ts'
import { parseMessage, UnreadableMessageError } from '../../src/codes/code-message.ts'
import { poisonUrl, readPoisoned } from '../../src/codes/poison.ts'
import { startApp } from '../helpers/app.ts'
import { startCloud } from '../helpers/cloud.ts'
import { eventually } from '../helpers/processes.ts'
import { startWorker } from '../helpers/worker.ts'
import * as inputs from './inputs.ts'

/** A failure says with which seed it came; this brings it again. */
const SEED = process.env['FUZZ_SEED']
/** Requests of any bytes are sent so many at a time: many of them wait for a rest that never comes. */
const TOGETHER = 20
const SILENT_MS = 500
const MAX_GROWTH_BYTES = 4 * 1_024 * 1_024

/**
 * Sends made-up input of every kind to the real service: none of it may be answered with 500, end anything, or stay.
 * @param runs how many inputs of each kind
 */
export async function fuzz(runs: number): Promise<void> {
  const cloud = await startCloud()
  const app = await startApp({ after }, cloud, { RATE_LIMIT_PER_MINUTE: '1000000' })
  const origin = new URL(await app.listen({ port: 0 }))
  const assertHolds = async (property: fc.IRawProperty<unknown>, numRuns = runs) =>
    await fc.assert(property, { numRuns, ...(SEED !== undefined && { seed: Number(SEED) }) })
  const getcode = async (authorization: string) =>
    await app.inject({ url: '/api/v1/getcode', headers: { authorization } })

  test(`${runs} requests of any bytes: an answer below 500, or none`, async () => {
    let answered = 0
    const together = fc.array(inputs.wire, { minLength: TOGETHER, maxLength: TOGETHER })
    const property = fc.asyncProperty(together, async (requests) => {
      const answers = await Promise.all(requests.map((request) => sendRaw(Number(origin.port), request)))
      for (const answer of answers) {
        assert.doesNotMatch(answer, /^HTTP\/1\.1 5/m)
        if (answer !== '') answered += 1
      }
    })
    await assertHolds(property, runs / TOGETHER)
    // Nearly all of them are; a busy machine may be too late for many.
    assert.ok(answered > runs / 5, `${answered} answers`)
    assert.equal((await fetch(new URL('/healthz', origin))).status, 200)
  })

  const unsigned = fc.asyncProperty(inputs.authorization, async (authorization) => {
    const response = await getcode(authorization)
    assert.equal(response.statusCode, 401, response.body)
    assert.match(response.json().code, /^token_/)
  })

  test(`${runs} tokens that nobody signed: 401`, async () => {
    await assertHolds(unsigned)
  })

  test(`${runs} tokens with any claims that the issuer signed: served or refused`, async () => {
    const url = fc.constantFrom('/api/v1/getcode', '/api/v1/hello-graph')
    await assertHolds(
      fc.asyncProperty(inputs.claims, url, async (claims, url) => {
        const authorization = `Bearer ${await cloud.tokens.forApi(caller, claims)}`
        const response = await app.inject({ url, headers: { authorization } })
        assert.ok([200, 401, 403, 502].includes(response.statusCode), response.body)
      }),
    )
  })

  test(`${runs} bodies: no code is valid, or why the body is none`, async () => {
    let callers = 0
    await assertHolds(
      fc.asyncProperty(inputs.body, async ({ type, payload }) => {
        callers += 1
        const token = await cloud.tokens.forApi(caller, { azp: `caller-${Math.floor(callers / 50)}` })
        const headers = { authorization: `Bearer ${token}`, 'content-type': type }
        const response = await app.inject({ method: 'POST', url: '/api/v1/codes/verify', headers, payload })
        assert.ok([200, 400, 413, 415].includes(response.statusCode), response.body)
        if (response.statusCode === 200) assert.deepEqual(response.json(), { valid: false })
      }),
    )
  })

  test(`${runs} answers of the number API and of Graph: a whole number gives a code, and nothing else does`, async (t) => {
    t.after(() => cloud.faults.clear())
    const headers = { authorization: `Bearer ${await cloud.tokens.forApi(caller)}` }
    let answers = 0
    await assertHolds(
      fc.asyncProperty(inputs.answer, async (answer) => {
        for (const part of ['numberApi', 'graph'] as const) cloud.faults.set(part, { answer })
        const issued = await app.inject({ url: '/api/v1/getcode', headers })
        if (issued.statusCode === 200) assert.match(issued.json().code, /^[A-Za-z]{3}-\d+-[A-Za-z]{3}$/)
        else assert.match(issued.body, /number_api_(?:failed|invalid|unavailable)/)
        answers += 1
        // Graph is asked again after a pause when it talks nonsense.
        if (answers % 10 !== 0) return
        const greeting = await app.inject({ url: '/api/v1/hello-graph', headers })
        if (greeting.statusCode !== 200) assert.match(greeting.body, /graph_(?:failed|unavailable)/)
      }),
    )
  })

  test(`${runs} messages: each is read, or it is said why not`, async () => {
    await assertHolds(
      fc.asyncProperty(inputs.message, async (text) => {
        try {
          parseMessage(text)
        } catch (error) {
          assert.ok(error instanceof UnreadableMessageError, String(error))
        }
        assert.equal(typeof readPoisoned(text).text, 'string')
      }),
    )
  })

  test('messages of any kind on the queue: the worker gives each an outcome, and makes the next code valid', async (t) => {
    const url = cloud.storage.queueUrl.replace('code-requests', `fuzz-${randomInt(1e9)}`)
    const queue = createStorageQueue({ url, credential: createCredential(), messageEncoding: 'text' })
    await queue.create()
    const worker = await startWorker(t, cloud, { STORAGE_QUEUE_URL: url })
    const issuing = await startApp(t, cloud, { STORAGE_QUEUE_URL: url })
    const seed = SEED === undefined ? randomInt(2 ** 31) : Number(SEED)
    t.diagnostic(`seed ${seed}`)
    const texts = fc.sample(inputs.message, { numRuns: runs, seed }).filter(isSendable)
    for (const text of texts) await queue.sendRawMessage(text)
    const authorizationOf = async (azp: string) => `Bearer ${await cloud.tokens.forApi(caller, { azp })}`
    const headers = { authorization: await authorizationOf('a caller') }
    const { code } = (await issuing.inject({ url: '/api/v1/getcode', headers })).json()
    const outcomes = async () => sumOutcomes((await worker.inject('/metrics')).body)
    await eventually(
      async () => Object.values(await outcomes()).reduce((sum, count) => sum + count, 0) > texts.length,
      'every message has an outcome',
      60_000,
    )
    // A busy machine may give one an outcome twice, and this one later. Each look by another caller: it is no search.
    let looks = 0
    const isValid = async () => {
      looks += 1
      const verifier = { authorization: await authorizationOf(`verifier ${looks}`) }
      const answer = await issuing.inject({
        method: 'POST',
        url: '/api/v1/codes/verify',
        headers: verifier,
        payload: { code },
      })
      return answer.json().valid === true
    }
    await eventually(isValid, 'the code is valid', 60_000)
    const poison = createStorageQueue({ url: poisonUrl(url), credential: createCredential(), messageEncoding: 'text' })
    assert.equal(await poison.countMessages(), (await outcomes())['poisoned'])
  })

  test('nothing of what was refused stays in memory', async (t) => {
    await assertHolds(unsigned)
    const before = await measureHeap()
    await assertHolds(unsigned)
    const growth = (await measureHeap()) - before
    t.diagnostic(`${Math.round(growth / 1_024)} KiB more after ${runs} further requests`)
    assert.ok(growth < MAX_GROWTH_BYTES)
  })
}

/** @returns what came back at once; nothing where the service waits for the rest of the request */
async function sendRaw(port: number, request: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  let answer = ''
  socket.setEncoding('latin1').on('data', (chunk) => {
    answer += chunk
  })
  socket.on('error', () => undefined)
  socket.setTimeout(SILENT_MS, () => socket.destroy())
  socket.write(request, 'latin1')
  await once(socket, 'close')
  return answer
}

function isSendable(text: string): boolean {
  try {
    assertSendable(text)
    return text.trim() !== ''
  } catch {
    return false
  }
}

function sumOutcomes(metrics: string): Record<string, number> {
  const sums: Record<string, number> = {}
  for (const [, outcome = '', count] of metrics.matchAll(/^codes_messages_total\{.*outcome="(\w+)"\} (\d+)$/gm)) {
    sums[outcome] = (sums[outcome] ?? 0) + Number(count)
  }
  return sums
}

async function measureHeap(): Promise<number> {
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('gc')
  if (typeof gc !== 'function') throw new Error('this Node cannot collect garbage when it is told to')
  await new Promise((resolve) => setTimeout(resolve, 100))
  gc()
  return process.memoryUsage().heapUsed
}
