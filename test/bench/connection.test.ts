import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { connect } from '../../bench/load/connection.ts'
import { portOf } from '../../bench/port-of.ts'

const answers = [
  ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel', 'lo'],
  ['HTTP/1.1 401 Unauthorized\r\ntransfer-encoding: chunked\r\n\r\n2\r\nno\r\n', '0\r\n\r\n'],
  ['HTTP/1.1 204 No Content\r\ncontent-le', 'ngth: 0\r\n\r\n'],
]

test('an answer counts once, when it is whole, and the next request follows on the same connection', async (t) => {
  let connections = 0
  const server = createServer((socket) => {
    connections += 1
    const left = answers.map((parts) => [...parts])
    socket.on('data', () => {
      const [first = '', second = ''] = left.shift() ?? []
      socket.write(first)
      setTimeout(() => socket.write(second), 20)
    })
  }).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')

  const connection = await connect(portOf(server))
  const statuses: number[] = []
  await connection.exchange('GET / HTTP/1.1\r\n\r\n', (status) => {
    statuses.push(status)
    return statuses.length < answers.length ? 'GET / HTTP/1.1\r\n\r\n' : undefined
  })
  connection.close()
  assert.deepEqual(statuses, [200, 401, 204])
  assert.equal(connections, 1)
})

test('a connection that the server ends fails the exchange', async (t) => {
  const server = createServer((socket) => socket.once('data', () => socket.destroy())).listen(0, '127.0.0.1')
  t.after(() => server.close())
  await once(server, 'listening')
  const connection = await connect(portOf(server))
  await assert.rejects(connection.exchange('GET / HTTP/1.1\r\n\r\n', () => undefined))
})
