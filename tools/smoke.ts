/**
 * `npm run smoke`: asks the running service for a code, then looks for the code's row in the table, or its message on the
 * queue, for 20 s or `--wait <seconds>`. Environment: API_URL; STORAGE_QUEUE_URL and CODES_TABLE_URL; and TOKEN, or what a caller needs to get one.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { ClientSecretCredential } from '@azure/identity'
import { Value } from 'typebox/value'
import { createCredential } from '../src/azure/credential.ts'
import type { StorageQueue } from '../src/azure/storage-queue.ts'
import { createStorageQueues } from '../src/azure/storage-queues.ts'
import { createStorageTable } from '../src/azure/storage-table.ts'
import { explainError } from '../src/cli/explain-error.ts'
import { type Code, IssuedCode } from '../src/codes/code.ts'
import { decodeMessage } from '../src/codes/code-message.ts'
import { CodeRecord, digestOf, keysOf } from '../src/codes/code-record.ts'
import { loadStorageConfig } from '../src/config.ts'
import { ConfigError } from '../src/read-variables.ts'

/** A worker that has nothing to do looks at the queue every 5 s; what a worker held that died is there again after 15 s. */
const ROW_WITHIN_SECONDS = '20'
const LOOK_EVERY_MS = 200

const { values: options } = parseArgs({ options: { wait: { type: 'string', default: ROW_WITHIN_SECONDS } } })
const waitMs = Number(options.wait) * 1_000

try {
  process.exitCode = (await smoke()) ? 0 : 1
} catch (error) {
  process.stderr.write(`${explainError(error)}\n`)
  process.exitCode = error instanceof ConfigError ? ConfigError.exitCode : 1
}

async function smoke(): Promise<boolean> {
  const config = loadStorageConfig()
  const credential = createCredential()
  const messageEncoding = config.STORAGE_QUEUE_MESSAGE_ENCODING
  const onFailure = () => undefined
  const queues = createStorageQueues({ urls: config.STORAGE_QUEUE_URL, credential, messageEncoding, onFailure })
  const table = createStorageTable({ url: config.CODES_TABLE_URL, credential })

  const { code, timestamp } = await askForCode()
  say('issued', `${code} at ${timestamp}`)
  const keys = keysOf(digestOf(code))
  let queuedOn: string | undefined
  for (const deadline = Date.now() + waitMs; Date.now() < deadline; await sleep(LOOK_EVERY_MS)) {
    const row = await table.find(keys)
    if (row !== undefined) {
      const { state, expiresAt } = Value.Parse(CodeRecord, row.properties)
      say('found', `its row in ${table.name}: ${state}, until ${expiresAt}`)
      return true
    }
    queuedOn ??= await findQueue(queues.all, code)
  }
  if (queuedOn === undefined) {
    const held = `${queues.name} with about ${await queues.countMessages()} messages, not visible or further back`
    say('MISSING', `no row in ${table.name}; look again, or at ${held}`)
    return false
  }
  say('found', `its message on ${queuedOn}. No worker took it within ${options.wait} s: is npm run worker running?`)
  return true
}

/** @returns the name of the queue that has the code among its next 32 messages */
async function findQueue(queues: readonly StorageQueue[], code: Code): Promise<string | undefined> {
  const holds = async (queue: StorageQueue) => {
    const messages = await queue.peekMessages(32)
    return messages.some(({ text }) => decodeMessage(text).includes(code))
  }
  // One that cannot be looked at may be the one that a code went past.
  const held = await Promise.allSettled(queues.map(holds))
  const [first] = held
  if (first?.status === 'rejected' && held.every(({ status }) => status === 'rejected')) throw first.reason
  return queues.find((_, index) => held[index]?.status === 'fulfilled' && held[index].value)?.name
}

async function askForCode(): Promise<{ code: Code; timestamp: string }> {
  const url = new URL('/api/v1/getcode', process.env['API_URL'] ?? 'http://127.0.0.1:3000')
  say('asked', url.href)
  const response = await fetch(url, {
    headers: { authorization: `Bearer ${process.env['TOKEN'] ?? (await getToken())}` },
  })
  const body = await response.text()
  if (!response.ok) throw new Error(`The service answered ${response.status}: ${body}`)
  return Value.Parse(IssuedCode, JSON.parse(body))
}

async function getToken(): Promise<string> {
  const names = ['ENTRA_TENANT_ID', 'CALLER_CLIENT_ID', 'CALLER_CLIENT_SECRET', 'CALLER_SCOPE'] as const
  const [tenantId = '', clientId = '', clientSecret = '', scope = ''] = names.map((name) => process.env[name])
  const missing = names.filter((name) => !process.env[name])
  if (missing.length > 0) throw new ConfigError([`TOKEN is missing; or, to get one, ${missing.join(', ')}`])
  const authorityHost = process.env['ENTRA_AUTHORITY_HOST'] ?? 'https://login.microsoftonline.com'
  const options = { authorityHost, disableInstanceDiscovery: true }
  const { token } = await new ClientSecretCredential(tenantId, clientId, clientSecret, options).getToken(scope)
  return token
}

function say(what: string, detail: string): void {
  process.stdout.write(`${what.padEnd(9)}${detail}\n`)
}
