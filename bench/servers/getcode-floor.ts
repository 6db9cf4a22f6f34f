/** getcode with nothing but what it cannot do without: both calls by hand over undici, no authentication, no log. */
import Fastify from 'fastify'
import { Pool } from 'undici'
import { createCode, IssuedCode } from '../../src/codes/code.ts'
import { reportServer } from '../child.ts'
import { portOf } from '../port-of.ts'
import { PATH } from './answer.ts'
import { parseNumber } from './number.ts'

const { THIRD_PARTY_API_ENDPOINT = '', STORAGE_QUEUE_URL = '', BENCH_STORAGE_TOKEN = '' } = process.env
/** As many as the service has. */
const CONNECTIONS = 40

const numberUrl = new URL(THIRD_PARTY_API_ENDPOINT)
const queueUrl = new URL(STORAGE_QUEUE_URL)
const numbers = new Pool(numberUrl.origin, { connections: CONNECTIONS })
const queue = new Pool(queueUrl.origin, { connections: CONNECTIONS })

const app = Fastify()
app.get(PATH, { schema: { response: { 200: IssuedCode } } }, async () => {
  const issued = { code: createCode(await fetchNumber()), timestamp: new Date().toISOString() }
  await sendMessage(JSON.stringify(issued))
  return issued
})
await app.listen({ host: '127.0.0.1', port: 0 })
reportServer(portOf(app.server))

async function fetchNumber(): Promise<number> {
  const headers = { 'x-functions-key': 'bench', accept: 'application/json' }
  const { statusCode, body } = await numbers.request({ method: 'GET', path: numberUrl.pathname, headers })
  const text = await body.text()
  if (statusCode !== 200) throw new Error(`the number API answered ${statusCode}`)
  return parseNumber(text)
}

async function sendMessage(text: string): Promise<void> {
  const { statusCode, body } = await queue.request({
    method: 'POST',
    path: `${queueUrl.pathname}/messages`,
    headers: {
      authorization: `Bearer ${BENCH_STORAGE_TOKEN}`,
      'content-type': 'application/xml',
      'x-ms-version': '2024-11-04',
      'x-ms-date': new Date().toUTCString(),
    },
    body: `<QueueMessage><MessageText>${text.replaceAll('"', '&quot;')}</MessageText></QueueMessage>`,
  })
  await body.dump()
  if (statusCode !== 201) throw new Error(`the queue answered ${statusCode}`)
}
