/** getcode as one would write it at first: global fetch, and Azure's client for queues as it comes; no authentication, no log. */
import { DefaultAzureCredential } from '@azure/identity'
import { QueueClient } from '@azure/storage-queue'
import Fastify from 'fastify'
import { createCode, IssuedCode } from '../../src/codes/code.ts'
import { reportServer } from '../child.ts'
import { portOf } from '../port-of.ts'
import { PATH } from './answer.ts'
import { parseNumber } from './number.ts'

const { THIRD_PARTY_API_ENDPOINT = '', STORAGE_QUEUE_URL = '' } = process.env
const queue = new QueueClient(STORAGE_QUEUE_URL, new DefaultAzureCredential())

const app = Fastify()
app.get(PATH, { schema: { response: { 200: IssuedCode } } }, async () => {
  const issued = { code: createCode(await fetchNumber()), timestamp: new Date().toISOString() }
  await queue.sendMessage(JSON.stringify(issued))
  return issued
})
await app.listen({ host: '127.0.0.1', port: 0 })
reportServer(portOf(app.server))

async function fetchNumber(): Promise<number> {
  const response = await fetch(THIRD_PARTY_API_ENDPOINT, { headers: { 'x-functions-key': 'bench' } })
  if (!response.ok) throw new Error(`the number API answered ${response.status}`)
  return parseNumber(await response.text())
}
