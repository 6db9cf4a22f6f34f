/** The ground: Node's own server, and nothing else. */
import { createServer } from 'node:http'
import { reportServer } from '../child.ts'
import { portOf } from '../port-of.ts'
import { ANSWER } from './answer.ts'

const server = createServer((_request, response) => {
  response.setHeader('content-type', 'application/json; charset=utf-8')
  response.end(JSON.stringify(ANSWER))
})
server.listen(0, '127.0.0.1', () => reportServer(portOf(server)))
