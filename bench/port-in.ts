import { Type } from 'typebox'
import { Value } from 'typebox/value'
import type { BenchProcess } from './processes.ts'

const Ready = Type.Object({ port: Type.Integer() })

/** The port that a server's process said it listens on. */
export function portIn({ ready }: BenchProcess): number {
  return Value.Parse(Ready, ready).port
}
