import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { connect } from 'node:net'
import { test } from 'node:test'
import { startCloud } from '../helpers/cloud.ts'
import { countFiles, eventually } from '../helpers/processes.ts'
import { startService } from '../helpers/service.ts'

const FILE = '/docs/static/swagger-ui-bundle.js'
const skip = !existsSync('/proc/self/fd')

test('connections whose answers nobody reads end after a minute', { skip }, async (t) => {
  const service = await startService(t, await startCloud())
  const openBefore = countFiles(service.child.pid)
  for (let index = 0; index < 5; index += 1) {
    const socket = connect(service.port, '127.0.0.1').on('error', () => undefined)
    t.after(() => socket.destroy())
    await once(socket, 'connect')
    socket.pause().write(`GET ${FILE} HTTP/1.1\r\nHost: a\r\n\r\n`.repeat(1_000))
  }
  await eventually(() => countFiles(service.child.pid) > openBefore + 30, 'answers are under way')
  await eventually(() => countFiles(service.child.pid) < openBefore + 20, 'they have ended', 80_000)
})
