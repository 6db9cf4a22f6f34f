import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { test } from 'node:test'
import { caller } from '../../local-cloud/directory.ts'
import { startCloud } from '../helpers/cloud.ts'
import { startService } from '../helpers/service.ts'

const CONNECTIONS = 10_000
/** Node accepts some 500 at a time. */
const AT_ONCE = 400

const cloud = await startCloud()
const headers = { authorization: `Bearer ${await cloud.tokens.forApi(caller)}` }

test(`${CONNECTIONS} connections that say nothing keep nobody out`, async (t) => {
  const { url, port, child, exited } = await startService(t, cloud)
  const getcode = () => fetch(`${url}/api/v1/getcode`, { headers }).then(({ status }) => status)
  const sockets = []
  while (sockets.length < CONNECTIONS) {
    const opened = Array.from({ length: AT_ONCE }, () => connect(port, '127.0.0.1').on('error', () => undefined))
    await Promise.all(opened.map((socket) => once(socket, 'connect')))
    sockets.push(...opened)
    if (sockets.length % 2_000 === 0) assert.equal(await getcode(), 200, `beside ${sockets.length}`)
  }
  for (const socket of sockets) socket.destroy()
  assert.equal(await getcode(), 200)
  child.kill('SIGTERM')
  assert.equal(await exited, 0)
})
