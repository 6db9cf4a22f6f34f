import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { basename } from 'node:path'
import { Type } from 'typebox'
import { Value } from 'typebox/value'

const START_TIMEOUT_MS = 20_000
/** Enough of what a process complained about to find out why it ended. */
const KEEP_STDERR_CHARACTERS = 4_000

const Ready = Type.Object({ ready: Type.Unknown() })
const Answer = Type.Object({ id: Type.Integer(), answer: Type.Unknown() })
const Refusal = Type.Object({ id: Type.Integer(), error: Type.String() })

export interface BenchProcess {
  /** What it said when it was ready. */
  ready: unknown
  ask(question: string, data?: unknown): Promise<unknown>
  stop(): Promise<void>
}

/**
 * Starts a process that speaks as `answerParent` does. Its standard output goes nowhere, as cheaply as a log can go.
 * @param file absolute path
 * @param env added to this process's own
 */
export async function startProcess(file: string, env: Readonly<Record<string, string>> = {}): Promise<BenchProcess> {
  const child = fork(file, {
    // Without this process's preloads: a server runs as it would elsewhere.
    execArgv: [],
    env: { ...process.env, NODE_ENV: 'production', ...env },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  const started = Promise.withResolvers<unknown>()
  const complaints = keepComplaints(child)
  let nextId = 0

  function fail(reason: string): void {
    const error = new Error(`${basename(file)} ${reason}\n${complaints()}`)
    started.reject(error)
    for (const { reject } of waiting.values()) reject(error)
    waiting.clear()
  }

  child.on('message', (message) => {
    if (Value.Check(Ready, message)) return started.resolve(message.ready)
    if (Value.Check(Answer, message)) waiting.get(message.id)?.resolve(message.answer)
    if (Value.Check(Refusal, message)) waiting.get(message.id)?.reject(new Error(message.error))
  })
  child.once('exit', (code, signal) => fail(`ended (${code ?? signal})`))
  const timer = setTimeout(() => fail('did not start in time'), START_TIMEOUT_MS)

  async function stop(): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }

  try {
    const ready = await started.promise
    return {
      ready,
      async ask(question, data = null) {
        nextId += 1
        const id = nextId
        const answer = Promise.withResolvers<unknown>()
        waiting.set(id, answer)
        child.send({ id, ask: question, data })
        return await answer.promise.finally(() => waiting.delete(id))
      },
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  } finally {
    clearTimeout(timer)
  }
}

function keepComplaints(child: ChildProcess): () => string {
  let text = ''
  child.stderr?.setEncoding('utf8').on('data', (chunk) => {
    text = (text + chunk).slice(-KEEP_STDERR_CHARACTERS)
  })
  return () => text
}
