import { Type } from 'typebox'
import { Value } from 'typebox/value'

const Line = Type.Record(Type.String(), Type.Unknown())

/** The log of a process, which has nothing in it but JSON, a line each. */
export function readLines(output: string): Array<Record<string, unknown>> {
  return output
    .split('\n')
    .filter((line) => line.startsWith('{') && line.endsWith('}'))
    .map((line) => Value.Parse(Line, JSON.parse(line)))
}
