import { Type } from 'typebox'
import { Value } from 'typebox/value'

const Question = Type.Object({ id: Type.Integer(), ask: Type.String(), data: Type.Unknown() })

type Answers = Readonly<Record<string, (data: unknown) => unknown>>

/**
 * What a process of the benchmark does besides its work: says that it is ready, and answers the process that started it.
 * It ends when that one does, also when that one was killed.
 */
export function answerParent(ready: Readonly<Record<string, unknown>>, answers: Answers): void {
  process.on('message', async (message) => {
    const { id, ask, data } = Value.Parse(Question, message)
    try {
      process.send?.({ id, answer: (await answers[ask]?.(data)) ?? null })
    } catch (error) {
      process.send?.({ id, error: String(error) })
    }
  })
  process.once('disconnect', () => process.exit(0))
  process.send?.({ ready })
}

/** The same for a server that listens on this port: it tells how much CPU time it has used. */
export function reportServer(port: number): void {
  answerParent({ port }, { cpu: () => process.cpuUsage() })
}
