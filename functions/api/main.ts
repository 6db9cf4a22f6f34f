/** The service and its worker as a function app: see README.md. */
import { app, output } from '@azure/functions'
import { buildApp } from '../../src/app.ts'
import { createCredential } from '../../src/azure/credential.ts'
import { createStorageQueue, readName } from '../../src/azure/storage-queue.ts'
import { poisonUrl } from '../../src/codes/poison.ts'
import { loadFunctionAppConfig } from '../../src/config.ts'
import { createHttpHandler, METHODS } from './http-handler.ts'
import { createBindingSender } from './invocation.ts'
import { createMessageHandler } from './message-handler.ts'
import { createSweep } from './sweep.ts'

/** Prefix of the settings with which the host reaches the storage account: `CODES_STORAGE__queueServiceUri`. */
const connection = 'CODES_STORAGE'
const EVERY_HALF_HOUR = '0 */30 * * * *'

const config = loadFunctionAppConfig()
const usesBinding = config.STORAGE_QUEUE_SENDER === 'binding'
// With streams, the answer is with the caller before the host has written to the queue.
app.setup({ enableHttpStream: !usesBinding })

const [queueUrl = ''] = config.STORAGE_QUEUE_URL
const queueName = readName(queueUrl)
const codes = output.storageQueue({ queueName, connection })
// Traces are the host's.
const api = await buildApp(config, undefined, usesBinding ? createBindingSender(codes) : undefined)

app.http('api', {
  route: '{*path}',
  methods: [...METHODS],
  authLevel: 'anonymous',
  extraOutputs: usesBinding ? [codes] : [],
  handler: createHttpHandler(api),
})

const credential = createCredential()
const messageEncoding = config.STORAGE_QUEUE_MESSAGE_ENCODING
app.storageQueue('worker', {
  queueName,
  connection,
  handler: createMessageHandler({
    queue: createStorageQueue({ url: queueUrl, credential, messageEncoding }),
    poisonQueue: createStorageQueue({ url: poisonUrl(queueUrl), credential, messageEncoding }),
    table: api.codesTable,
    lifetimeSeconds: config.CODE_LIFETIME_SECONDS,
  }),
})

app.timer('sweep', { schedule: EVERY_HALF_HOUR, handler: createSweep(api.codesTable) })

app.hook.appStart(async () => {
  await api.ready()
})
app.hook.appTerminate(async () => {
  await api.close()
})
