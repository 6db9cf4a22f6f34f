import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { after, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { caller } from '../../local-cloud/directory.ts'
import { startCloud } from '../helpers/cloud.ts'
import { countFiles, eventually } from '../helpers/processes.ts'
import { startService } from '../helpers/service.ts'

const cloud = await startCloud()
const service = await startService({ after }, cloud, { RATE_LIMIT_PER_MINUTE: '10000' })
const authorization = `Bearer ${await cloud.tokens.forApi(caller)}`

/** Where the system says which files a process has open. */
const skip = !existsSync('/proc/self/fd')

describe('a client that', { concurrency: true }, () => {
  const requests: Array<[what: string, text: string, status: number, code: string]> = [
    ['speaks no HTTP', '\u0016\u0003\u0001 hello\r\n\r\n', 400, 'request_invalid'],
    [
      'pipelines garbage behind a request',
      'GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n\0\0garbage\r\n\r\n',
      400,
      'request_invalid',
    ],
    ['sends two lengths', post('Content-Length: 2\r\nContent-Length: 30\r\n', '{}'), 400, 'request_invalid'],
    [
      'sends a length and chunks',
      post('Content-Length: 2\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
      400,
      'request_invalid',
    ],
    ['hides the chunks', post('Transfer-Encoding: xchunked\r\n', '{}'), 400, 'request_invalid'],
    ['sends a chunk of nonsense', post('Transfer-Encoding: chunked\r\n', 'zz\r\n{}\r\n'), 400, 'request_invalid'],
    ['breaks a header into two', 'GET / HTTP/1.1\r\nHost: a\r\nX: a\nY: b\r\n\r\n', 400, 'request_invalid'],
    ['has a space before the colon', 'GET / HTTP/1.1\r\nHost: a\r\nX : a\r\n\r\n', 400, 'request_invalid'],
    [
      'sends 40 KiB of headers',
      `GET / HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(40_960)}\r\n\r\n`,
      431,
      'headers_too_large',
    ],
    ['announces a body of 1 GiB', post('Content-Length: 1073741824\r\n', ''), 413, 'payload_too_large'],
    ['sends a prototype', json('{"__proto__":{"code":"abc-1-def"}}'), 400, 'request_invalid'],
    ['sends a constructor', json('{"constructor":{"prototype":{"code":"abc-1-def"}}}'), 400, 'request_invalid'],
    ['asks for a method that is none', 'BREW /api/v1/getcode HTTP/1.1\r\nHost: a\r\n\r\n', 400, 'request_invalid'],
    [
      'asks with a path that cannot be decoded',
      'GET /%zz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n',
      400,
      'request_invalid',
    ],
  ]
  for (const [what, text, status, code] of requests) {
    test(`${what} is told ${status} ${code}, and nothing happens to others`, async () => {
      const answer = await converse(service.port, text)
      assert.match(answer, new RegExp(`HTTP/1\\.1 ${status} .*"code":"${code}"`, 's'))
      assert.equal(await statusOfGetcode(service.url), 200)
      assert.ok(!service.output().includes('"level":50'), service.output())
    })
  }

  test('never finishes its headers, or its body, is told 408 and others are served meanwhile', async () => {
    const slow = [
      converse(service.port, ''),
      converse(service.port, 'GET / HTTP/1.1\r\nHost: a\r\nX-', 500),
      converse(service.port, post('Content-Length: 100\r\n', '{"code":'), 500),
    ]
    for (let i = 0; i < 20; i += 1) {
      await sleep(250)
      assert.equal(await statusOfGetcode(service.url), 200)
    }
    for (const answer of await Promise.all(slow)) assert.match(answer, /^HTTP\/1\.1 408 .*"code":"request_timeout"/s)
  })

  test('is told 408 and does not close the connection from its side loses it all the same', { skip }, async (t) => {
    const service = await startService(t, cloud)
    const openBefore = countFiles(service.child.pid)
    const clients = Array.from({ length: 50 }, async () => {
      const socket = connect({ port: service.port, host: '127.0.0.1', allowHalfOpen: true })
      t.after(() => socket.destroy())
      socket.on('error', () => undefined).write(post('Content-Length: 100\r\n', '{"code":'))
      const [answer] = await once(socket, 'data')
      assert.match(String(answer), /^HTTP\/1\.1 408 /)
    })
    await Promise.all(clients)
    await eventually(() => countFiles(service.child.pid) < openBefore + 25, 'the connections are gone', 5_000)
  })

  test('asks for a file a thousand times on one connection and reads nothing has sixty of them open, until it goes', {
    skip,
  }, async (t) => {
    const service = await startService(t, cloud)
    const file = '/docs/static/swagger-ui-bundle.js'
    await eventually(async () => (await fetch(`${service.url}${file}`)).ok, 'the documentation is there')
    const openBefore = countFiles(service.child.pid)
    const socket = await open(service.port)
    socket.pause().write(`GET ${file} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(1_000))
    await eventually(() => countFiles(service.child.pid) > openBefore + 30, 'many are under way')
    for (let i = 0; i < 10; i += 1) {
      assert.ok(countFiles(service.child.pid) < openBefore + 100)
      assert.equal(await statusOfGetcode(service.url), 200)
    }
    socket.destroy()
    await eventually(() => countFiles(service.child.pid) < openBefore + 20, 'they are closed')
    for (let i = 0; i < 100; i += 1) assert.equal((await fetch(`${service.url}${file}`)).status, 200)
  })
})

function post(headers: string, body: string): string {
  const always = `Host: a\r\nAuthorization: ${authorization}\r\nContent-Type: application/json\r\nConnection: close\r\n`
  return `POST /api/v1/codes/verify HTTP/1.1\r\n${always}${headers}\r\n${body}`
}

function json(body: string): string {
  return post(`Content-Length: ${body.length}\r\n`, body)
}

async function statusOfGetcode(url: string): Promise<number> {
  return (await fetch(`${url}/api/v1/getcode`, { headers: { authorization } })).status
}

async function open(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined)
  await once(socket, 'connect')
  return socket
}

/** Sends the text, and then a byte now and then where `dripMs` says so, until the other side ends it. */
async function converse(port: number, text: string, dripMs = 0): Promise<string> {
  const socket = await open(port)
  let answer = ''
  socket.setEncoding('utf8').on('data', (chunk) => {
    answer += chunk
  })
  socket.write(text, 'latin1')
  const drip = dripMs > 0 ? setInterval(() => socket.write('x'), dripMs) : undefined
  await once(socket, 'close')
  clearInterval(drip)
  return answer
}
