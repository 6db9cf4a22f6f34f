/** `npm run queue -- …`: a look at the queues and their poison queues, local or in Azure, as the environment says. */
import { createInterface } from 'node:readline/promises'
import { parseArgs } from 'node:util'
import { createCredential } from '../src/azure/credential.ts'
import { createStorageQueue, type StorageQueue } from '../src/azure/storage-queue.ts'
import { createStorageQueues, type StorageQueues } from '../src/azure/storage-queues.ts'
import { explainError } from '../src/cli/explain-error.ts'
import { decodeMessage } from '../src/codes/code-message.ts'
import { poisonUrl, readPoisoned } from '../src/codes/poison.ts'
import { loadQueueConfig } from '../src/config.ts'
import { ConfigError } from '../src/read-variables.ts'

const HELP = `npm run queue -- peek [n]         shows the next n messages (1 to 32, default 5) and leaves them there
npm run queue -- clear [--yes]    deletes every message, and asks first
npm run queue -- poison [n]       shows the next n messages that were given up, with their reasons
npm run queue -- requeue          puts every message that was given up back on the queue it came from

Where STORAGE_QUEUE_URL lists several queues, each has its turn.
`
/** Time enough to put one batch back; after a crash in between, the rest is there again. */
const REQUEUE_LEASE_SECONDS = 60

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { yes: { type: 'boolean', default: false } },
})
const [command, count = '5'] = positionals
const most = /^\d+$/.test(count) ? Number(count) : 0

try {
  if (command === 'peek' && most > 0) await eachQueue(peek)
  else if (command === 'clear') await clear(openQueues())
  else if (command === 'poison' && most > 0) await eachQueue((queue) => showPoison(openPoison(queue)))
  else if (command === 'requeue') await eachQueue((queue) => requeue(openPoison(queue), queue))
  else {
    process.stderr.write(HELP)
    process.exitCode = 2
  }
} catch (error) {
  process.stderr.write(`${explainError(error)}\n`)
  process.exitCode = error instanceof ConfigError ? ConfigError.exitCode : 1
}

function readOptions() {
  const { STORAGE_QUEUE_URL: urls, STORAGE_QUEUE_MESSAGE_ENCODING: messageEncoding } = loadQueueConfig()
  return { urls, messageEncoding, credential: createCredential() }
}

function openQueues(): StorageQueues {
  return createStorageQueues({ ...readOptions(), onFailure: () => undefined })
}

function openPoison({ url }: StorageQueue): StorageQueue {
  return createStorageQueue({ ...readOptions(), url: poisonUrl(url) })
}

/** One after another, so that what is said of each stays together. What fails is said, and the others have their turn. */
async function eachQueue(work: (queue: StorageQueue) => Promise<void>): Promise<void> {
  const queues = openQueues()
  for (const queue of queues.all) {
    try {
      await work(queue)
    } catch (error) {
      process.exitCode = 1
      process.stderr.write(`${queue.name}: ${explainError(error)}\n`)
    }
  }
  await queues.close()
}

async function peek(queue: StorageQueue): Promise<void> {
  const [messages, total] = await Promise.all([queue.peekMessages(most), queue.countMessages()])
  for (const { text } of messages) process.stdout.write(`${toLine(decodeMessage(text))}\n`)
  const hidden = Math.max(0, total - messages.length)
  const note = hidden > 0 && messages.length < most ? `; ${hidden} hidden: leased, or valid until they are due` : ''
  process.stderr.write(`${messages.length} of about ${total} in ${queue.name}${note}\n`)
}

async function clear(queues: StorageQueues): Promise<void> {
  const total = await queues.countMessages()
  if (!values.yes && !(await isConfirmed(`Delete about ${total} messages from ${queues.name}? Type yes: `))) return
  await queues.clearMessages()
  process.stderr.write(`${queues.name} ${queues.all.length === 1 ? 'is' : 'are'} empty.\n`)
}

async function showPoison(poisonQueue: StorageQueue): Promise<void> {
  await poisonQueue.create()
  const [messages, total] = await Promise.all([poisonQueue.peekMessages(most), poisonQueue.countMessages()])
  for (const { text: poisoned } of messages) {
    const { reason, text } = readPoisoned(poisoned)
    process.stdout.write(
      `${toLine(reason ?? 'no room for the reason, see the log')}\n    ${toLine(decodeMessage(text))}\n`,
    )
  }
  process.stderr.write(`${messages.length} of about ${total} in ${poisonQueue.name}\n`)
}

async function requeue(poisonQueue: StorageQueue, queue: StorageQueue): Promise<void> {
  await poisonQueue.create()
  // No more than there are now: a worker may give the same ones up again at once.
  const total = await poisonQueue.countMessages()
  let moved = 0
  while (moved < total) {
    const messages = await poisonQueue.leaseMessages(total - moved, REQUEUE_LEASE_SECONDS)
    if (messages.length === 0) break
    for (const message of messages) {
      // On the queue first: a crash in between leaves it on both, which the worker makes good.
      await queue.sendRawMessage(readPoisoned(message.text).text)
      await poisonQueue.deleteMessage(message)
      moved += 1
    }
  }
  process.stderr.write(
    `${moved} put back on ${queue.name}. What is given up again comes back to ${poisonQueue.name}.\n`,
  )
}

/** For a terminal, which a message must not be able to command: no control character, and no more than some lines. */
function toLine(text: string): string {
  const line = text.replace(/\p{Cc}/gu, '\u{fffd}')
  return line.length > 500 ? `${line.slice(0, 500)}… (${text.length} characters)` : line
}

async function isConfirmed(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr })
  try {
    return (await terminal.question(question)).trim() === 'yes'
  } finally {
    terminal.close()
  }
}
