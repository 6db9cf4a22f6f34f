/** `npm run queue -- peek [n] | clear [--yes]`: a look at the queue, local or in Azure, as the environment says. */
import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import { createCredential } from '../src/azure/credential.ts'
import { createStorageQueue, type StorageQueue } from '../src/azure/storage-queue.ts'
import { loadQueueConfig } from '../src/config.ts'
import { ConfigError } from '../src/read-variables.ts'

const HELP = `npm run queue -- peek [n]         shows the next n messages (1 to 32, default 5) and leaves them there
npm run queue -- clear [--yes]    deletes every message, and asks first
`

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { yes: { type: 'boolean', default: false } },
})
const [command, count = '5'] = positionals

try {
  if (command === 'peek' && /^\d+$/.test(count) && Number(count) > 0) await peek(openQueue(), Number(count))
  else if (command === 'clear') await clear(openQueue())
  else {
    process.stderr.write(HELP)
    process.exitCode = 2
  }
} catch (error) {
  process.stderr.write(`${explain(error)}\n`)
  process.exitCode = error instanceof ConfigError ? ConfigError.exitCode : 1
}

function openQueue(): StorageQueue {
  const config = loadQueueConfig()
  return createStorageQueue({
    url: config.STORAGE_QUEUE_URL,
    messageEncoding: config.STORAGE_QUEUE_MESSAGE_ENCODING,
    credential: createCredential(),
  })
}

async function peek(queue: StorageQueue, most: number): Promise<void> {
  const [messages, total] = await Promise.all([queue.peekMessages(most), queue.countMessages()])
  for (const message of messages) process.stdout.write(`${message}\n`)
  process.stderr.write(`${messages.length} of about ${total} in ${queue.name}\n`)
}

async function clear(queue: StorageQueue): Promise<void> {
  const total = await queue.countMessages()
  if (!values.yes && !(await isConfirmed(`Delete about ${total} messages from ${queue.name}? Type yes: `))) return
  await queue.clearMessages()
  process.stderr.write(`${queue.name} is empty.\n`)
}

async function isConfirmed(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return (await terminal.question(question)).trim() === 'yes'
  } finally {
    terminal.close()
  }
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause === undefined ? error.message : `${error.message}\n  ${explain(error.cause)}`
}
