import { join } from 'node:path'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { startProcess } from '../processes.ts'

const LoadResult = Type.Object({
  elapsedMs: Type.Number(),
  /** Answers by their status. */
  statuses: Type.Record(Type.String(), Type.Integer()),
  /** Whether every token of the file has been sent once. */
  hasSentAll: Type.Boolean(),
})
export type LoadResult = Type.Static<typeof LoadResult>

export interface Target {
  port: number
  path: string
  /** One token a line; an empty line is a request without a token. */
  tokensFile: string
}

/** The load generator, in a process of its own. */
export async function startLoad() {
  const generator = await startProcess(join(import.meta.dirname, 'generator.ts'))
  return {
    /** Opens the connections, which then are not part of what is measured. */
    open: (target: Target) => generator.ask('open', target),
    run: async (ms: number): Promise<LoadResult> => Value.Parse(LoadResult, await generator.ask('run', { ms })),
    close: () => generator.ask('close'),
    stop: generator.stop,
  }
}

export type Load = Awaited<ReturnType<typeof startLoad>>
