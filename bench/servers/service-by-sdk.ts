/** The real service, but for its two calls: these are made as one would at first, by global fetch and Azure's own client for queues. */
import { DefaultAzureCredential } from '@azure/identity'
import { QueueClient } from '@azure/storage-queue'
import { buildApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config.ts'
import { reportServer } from '../child.ts'
import { portOf } from '../port-of.ts'
import { parseNumber } from './number.ts'

const { THIRD_PARTY_API_ENDPOINT = '', STORAGE_QUEUE_URL = '' } = process.env
const queue = new QueueClient(STORAGE_QUEUE_URL, new DefaultAzureCredential())

const app = await buildApp(loadConfig(), undefined, async (text) => {
  await queue.sendMessage(text)
})
app.numberApi.fetchNumber = async () => {
  const response = await fetch(THIRD_PARTY_API_ENDPOINT, { headers: { 'x-functions-key': 'bench' } })
  if (!response.ok) throw new Error(`the number API answered ${response.status}`)
  return parseNumber(await response.text())
}
await app.listen({ host: '127.0.0.1', port: 0 })
reportServer(portOf(app.server))
