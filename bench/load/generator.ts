/**
 * The load: keep-alive connections with one request in flight on each. On bare sockets, since a client library costs more
 * CPU than the servers that are measured, and then its own speed would be what is measured.
 */
import { readFileSync } from 'node:fs'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { answerParent } from '../child.ts'
import { type Connection, connect } from './connection.ts'

const CONNECTIONS = 64
/** A server that stops answering breaks the benchmark rather than hanging it. */
const PATIENCE_MS = 15_000
/** How often each token is sent in its turn. */
const FIRST_TURNS = 2

const Open = Type.Object({ port: Type.Integer(), path: Type.String(), tokensFile: Type.String() })
const Run = Type.Object({ ms: Type.Number() })

/** How far each target has come with its tokens, from round to round. */
const sent = new Map<number, number>()
/** By port and file: to read 100,000 tokens takes longer than a round. */
const requestsOf = new Map<string, readonly string[]>()
let target: { port: number; requests: readonly string[]; connections: readonly Connection[] } | undefined

async function open(data: unknown): Promise<void> {
  const { port, path, tokensFile } = Value.Parse(Open, data)
  const requests = requestsOf.get(`${port} ${tokensFile}`) ?? readRequests(port, path, tokensFile)
  requestsOf.set(`${port} ${tokensFile}`, requests)
  const connections = await Promise.all(Array.from({ length: CONNECTIONS }, () => connect(port)))
  target = { port, requests, connections }
}

function readRequests(port: number, path: string, tokensFile: string): readonly string[] {
  const tokens = readFileSync(tokensFile, 'latin1').split('\n')
  return tokens.map((token) => createRequest(port, path, token))
}

function createRequest(port: number, path: string, token: string): string {
  const authorization = token === '' ? '' : `authorization: Bearer ${token}\r\n`
  return `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\n${authorization}\r\n`
}

/** Sends for so long, then waits for the last answers. */
async function run(data: unknown) {
  const { ms } = Value.Parse(Run, data)
  if (target === undefined) throw new Error('there is nothing open')
  const { port, requests, connections } = target
  const statuses = new Map<number, number>()
  let position = sent.get(port) ?? 0
  const spinning = keepAwake()
  const startedAt = performance.now()
  const deadline = startedAt + ms

  /**
   * Each in turn, twice, so that whatever remembers tokens knows them; then at random: real callers do not come in a circle,
   * which is the worst case of a cache.
   */
  function nextRequest(): string {
    const isFirst = position < FIRST_TURNS * requests.length
    const index = isFirst ? position % requests.length : Math.floor(Math.random() * requests.length)
    position += 1
    return requests[index] ?? ''
  }

  function onAnswer(status: number): string | undefined {
    statuses.set(status, (statuses.get(status) ?? 0) + 1)
    return performance.now() < deadline ? nextRequest() : undefined
  }

  const exchanges = connections.map((connection) => connection.exchange(nextRequest(), onAnswer))
  await Promise.race([Promise.all(exchanges), rejectAfter(ms + PATIENCE_MS)])
  const elapsedMs = performance.now() - startedAt
  spinning.stop()
  sent.set(port, position)
  return {
    elapsedMs,
    statuses: Object.fromEntries(statuses),
    hasSentAll: position >= FIRST_TURNS * requests.length,
  }
}

/**
 * Waking a process that sleeps is billed to whoever sends to it: a server that is slower than this generator would pay up
 * to ten microseconds more for each answer than a fast one.
 */
function keepAwake(): { stop(): void } {
  let isRunning = true
  const spin = () => {
    if (isRunning) setImmediate(spin)
  }
  spin()
  return {
    stop() {
      isRunning = false
    },
  }
}

async function rejectAfter(ms: number): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>()
  setTimeout(() => reject(new Error('the server stopped answering')), ms).unref()
  return await promise
}

function close(): void {
  for (const connection of target?.connections ?? []) connection.close()
  target = undefined
}

answerParent({}, { open, run, close })
