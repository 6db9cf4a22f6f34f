import { randomUUID } from 'node:crypto'
import http, { type Server } from 'node:http'
import { registerHooks } from 'node:module'
import { after, mock } from 'node:test'
import type { InvocationContext } from '@azure/functions'

/** One value on its way between the host and its Node worker. */
interface Data {
  string?: string
  json?: string
  bytes?: Uint8Array
  int?: number
  http?: HttpData
}

interface HttpData {
  statusCode?: string
  headers?: Record<string, string>
  cookies?: Array<Record<string, unknown>>
  method?: string
  url?: string
  body?: Data
}

interface Binding {
  type: string
  direction: 'in' | 'out'
  [property: string]: unknown
}

type Handler = (...args: unknown[]) => unknown

interface RegisteredFunction {
  metadata: { name: string; bindings: Record<string, Binding> }
  handler: Handler
}

interface InvocationResponse {
  returnValue?: Data
  outputData?: Array<{ name: string; data: Data }>
}

interface InvocationModel {
  getArguments(): Promise<{ context: InvocationContext; inputs: unknown[] }>
  invokeFunction(context: InvocationContext, inputs: unknown[], handler: Handler): Promise<unknown>
  getResponse(context: InvocationContext, result: unknown): Promise<InvocationResponse>
}

interface ProgrammingModel {
  getCapabilities(capabilities: { HttpUri?: string }): Promise<{ HttpUri?: string }>
  getInvocationModel(context: object): InvocationModel
}

const functions = new Map<string, RegisteredFunction>()
const hooks = new Map<string, Handler>()
let model: ProgrammingModel | undefined

Object.assign(globalThis, {
  functionsCore: {
    version: '4.1000.0',
    setProgrammingModel(given: ProgrammingModel) {
      model = given
    },
    registerFunction(metadata: RegisteredFunction['metadata'], handler: Handler) {
      functions.set(metadata.name, { metadata, handler })
    },
    registerHook: (name: string, hook: Handler) => hooks.set(name, hook),
    log: () => undefined,
  },
})
registerHooks({
  resolve(specifier, context, next) {
    if (specifier !== '@azure/functions-core') return next(specifier, context)
    return { url: new URL('functions-core.cjs', import.meta.url).href, shortCircuit: true }
  },
})

/**
 * The part of the Azure Functions host that a Node worker sees: functions register with it, and it invokes them through
 * the programming model's own conversion of requests, messages and answers. Import it before any function.
 */
export const host = {
  functions,
  async start(): Promise<void> {
    await hooks.get('appStart')?.({})
  },
  async stop(): Promise<void> {
    await hooks.get('appTerminate')?.({})
  },

  /** @returns what the function gives back to the host; rejects when it failed */
  async invoke(name: string, input: Data, triggerMetadata: Record<string, Data> = {}, id = randomUUID()) {
    const found = functions.get(name)
    if (found === undefined || model === undefined) throw new Error(`no function ${name}`)
    const { metadata, handler } = found
    const [trigger = ''] = Object.entries(metadata.bindings).flatMap(([at, { direction }]) =>
      direction === 'in' ? at : [],
    )
    const request = { inputData: [{ name: trigger, data: input }], triggerMetadata }
    const invocation = model.getInvocationModel({ invocationId: id, metadata, request, log: () => undefined })
    const { context, inputs } = await invocation.getArguments()
    const result = await invocation.invokeFunction(context, inputs, handler)
    const { returnValue, outputData = [] } = await invocation.getResponse(context, result)
    return {
      returned: returnValue,
      outputs: new Map(outputData.map(({ name, data }) => [String(metadata.bindings[name]?.['queueName']), data])),
    }
  },

  /** A request and its answer by way of the host, each as one message. */
  async request(name: string, request: HttpData & { url: string }) {
    const { returned, outputs } = await this.invoke(name, { http: { method: 'GET', headers: {}, ...request } })
    const { statusCode, headers = {}, cookies = [], body } = returned?.http ?? {}
    return { status: Number(statusCode), headers, cookies, body: Buffer.from(body?.bytes ?? []), outputs }
  },

  /** Opens the port of the worker through which requests and answers come as streams, if the function app wants that. */
  async openStreams() {
    let server: Server | undefined
    const createServer = http.createServer
    const mocked = mock.method(http, 'createServer', () => {
      server = createServer()
      return server
    })
    const { HttpUri: origin } = (await model?.getCapabilities({})) ?? {}
    mocked.mock.restore()
    after(() => {
      server?.closeAllConnections()
      server?.close()
    })
    return async (name: string, path: string, init: RequestInit = {}): Promise<Response> => {
      const id = randomUUID()
      const headers = new Headers(init.headers)
      const forUser = { json: JSON.stringify(Object.fromEntries(headers)) }
      headers.set('x-ms-invocation-id', id)
      headers.set('x-forwarded-host', 'codes.example')
      headers.set('x-forwarded-proto', 'https')
      const invoked = host.invoke(name, { http: {} }, { Headers: forUser }, id)
      const response = await fetch(new URL(path, origin), { ...init, headers })
      invoked.catch(() => undefined)
      return response
    }
  },
}
