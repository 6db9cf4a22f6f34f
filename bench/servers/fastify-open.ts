/** A Fastify route with a response schema that anyone may call. */
import Fastify from 'fastify'
import { IssuedCode } from '../../src/codes/code.ts'
import { reportServer } from '../child.ts'
import { portOf } from '../port-of.ts'
import { ANSWER, PATH } from './answer.ts'

const app = Fastify()
app.get(PATH, { schema: { response: { 200: IssuedCode } } }, async () => ANSWER)
await app.listen({ host: '127.0.0.1', port: 0 })
reportServer(portOf(app.server))
