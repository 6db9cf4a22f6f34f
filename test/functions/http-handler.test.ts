import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import { host } from '../helpers/functions-host.ts'
import { eventually } from '../helpers/processes.ts'

const { app: functionApp, HttpRequest, InvocationContext } = await import('@azure/functions')
const { createHttpHandler, METHODS } = await import('../../functions/api/http-handler.ts')

/** Every byte there is, more than one chunk of a stream. */
const binary = Buffer.alloc(300_000, Buffer.from(Array.from({ length: 256 }, (_, byte) => byte)))

const app = Fastify({ bodyLimit: 1_000_000, trustProxy: true })
const events: string[] = []
app.addContentTypeParser('application/octet-stream', async (_request: unknown, body: Readable) => await buffer(body))
app.post('/echo', async ({ body }, reply) => reply.type('application/octet-stream').send(body))
app.post('/json', async ({ body }) => body)
app.get('/url', async ({ url, host, protocol, query, headers }) => ({
  url,
  host,
  protocol,
  query,
  agent: headers['user-agent'],
}))
app.get('/cookies', async (_request, reply) =>
  reply
    .header('set-cookie', 'session=a%3Bb%20c; Path=/; HttpOnly; Secure; SameSite=Lax; Max-Age=60')
    .header('set-cookie', 'seen=; Path=/old; Expires=Thu, 01 Jan 1970 00:00:00 GMT')
    .header('www-authenticate', ['Bearer', 'Basic'])
    .send('two'),
)
app.get('/slow', async (_request, reply) => {
  const chunks = Readable.from(count())
  chunks.once('close', () => events.push('closed'))
  return reply.send(chunks)
})
app.delete('/nothing', async (_request, reply) => reply.code(204).send())
app.head('/head', async (_request, reply) => reply.header('content-length', '12').send())
app.get('/broken', async () => {
  throw new Error('no')
})
after(() => app.close())

async function* count() {
  for (let number = 0; number < 500; number += 1) {
    yield Buffer.from(`${number}\n`)
    await sleep(10)
  }
}

const handler = createHttpHandler(app)
functionApp.setup({ enableHttpStream: true })
functionApp.http('all', { route: '{*path}', methods: [...METHODS], handler })
const stream = await host.openStreams()

async function call(method: string, path: string, init: { headers?: Record<string, string>; body?: Buffer } = {}) {
  const { headers = {}, body } = init
  const url = `https://codes.example${path}`
  const request = new HttpRequest({ method, url, headers, ...(body && { body: { bytes: body } }) })
  return await handler(request, new InvocationContext({ functionName: 'all' }))
}

async function bodyOf(answer: Awaited<ReturnType<typeof call>>): Promise<Buffer> {
  assert.ok(answer.body instanceof Readable)
  return await buffer(answer.body)
}

describe('a Fastify application behind an HTTP trigger', () => {
  test('gets a binary body and answers with it, byte for byte', async () => {
    const headers = { 'content-type': 'application/octet-stream' }
    const answer = await call('POST', '/echo', { headers, body: binary })
    assert.equal(answer.status, 200)
    assert.deepEqual(await bodyOf(answer), binary)
  })

  test('sees the URL, the host, the protocol and the headers of the caller', async () => {
    const headers = { 'x-forwarded-proto': 'https', host: 'codes.example', 'user-agent': 'tests' }
    const answer = JSON.parse((await bodyOf(await call('GET', '/url?a=%2F&a=2#x', { headers }))).toString())
    assert.deepEqual(answer, {
      ...{ url: '/url?a=%2F&a=2', host: 'codes.example', protocol: 'https', agent: 'tests' },
      query: { a: ['/', '2'] },
    })
  })

  test('sets several cookies, and joins headers that may be joined', async () => {
    const answer = await call('GET', '/cookies')
    assert.deepEqual(answer.cookies, [
      { name: 'session', value: 'a;b c', path: '/', httpOnly: true, secure: true, sameSite: 'Lax', maxAge: 60 },
      { name: 'seen', value: '', path: '/old', expires: new Date(0), sameSite: undefined },
    ])
    const headers = new Headers(answer.headers)
    assert.deepEqual([headers.get('set-cookie'), headers.get('connection')], [null, null])
    assert.equal(headers.get('www-authenticate'), 'Bearer, Basic')
  })

  test('answers without a body where there is none, and with an error where the route throws', async () => {
    assert.equal((await call('DELETE', '/nothing')).status, 204)
    assert.equal((await call('HEAD', '/head')).status, 200)
    assert.equal((await call('GET', '/broken')).status, 500)
    assert.equal(
      (await call('POST', '/json', { headers: { 'content-type': 'application/json' }, body: Buffer.from('{') })).status,
      400,
    )
  })

  test('a body that breaks off ends the request', async () => {
    const broken = new HttpRequest({
      method: 'POST',
      url: 'https://codes.example/echo',
      headers: { 'content-type': 'application/octet-stream' },
    })
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(new Uint8Array(10))
        setTimeout(() => controller.error(new Error('the caller is gone')), 20)
      },
    })
    Object.defineProperty(broken, 'body', { value: body })
    await assert.rejects(async () => await handler(broken, new InvocationContext()), /the caller is gone/)
  })

  test('a reader that gives up ends what writes the answer', async () => {
    events.length = 0
    const { body } = await call('GET', '/slow')
    assert.ok(body instanceof Readable)
    for await (const _chunk of body) break
    await eventually(() => events.includes('closed'), 'the source of the answer is closed')
  })
})

describe('the same with HTTP streams, through the port that the host forwards to', () => {
  test('the first part of an answer arrives before the last is made', async () => {
    events.length = 0
    const { body } = await stream('all', '/slow')
    const reader = body?.getReader()
    const first = await reader?.read()
    assert.match(Buffer.from(first?.value ?? []).toString(), /^0\n/)
    assert.deepEqual(events, [])
    await reader?.cancel()
  })

  test('a body that comes bit by bit arrives whole, and so do the cookies', async () => {
    const body = new ReadableStream({
      async start(controller) {
        for (let at = 0; at < binary.length; at += 50_000) {
          controller.enqueue(new Uint8Array(binary.subarray(at, at + 50_000)))
          await sleep(5)
        }
        controller.close()
      },
    })
    const headers = { 'content-type': 'application/octet-stream' }
    const answer = await stream('all', '/echo', { method: 'POST', headers, body, duplex: 'half' })
    assert.deepEqual(Buffer.from(await answer.arrayBuffer()), binary)
    const { headers: received } = await stream('all', '/cookies')
    assert.deepEqual(received.getSetCookie(), [
      'session=a%3Bb%20c; Max-Age=60; Path=/; HttpOnly; Secure; SameSite=Lax',
      'seen=; Path=/old; Expires=Thu, 01 Jan 1970 00:00:00 GMT',
    ])
  })
})
