import { Type } from 'typebox'
import { Value } from 'typebox/value'

const Answer = Type.Object({ value: Type.Integer() })

/** The number in an answer of the number API. */
export function parseNumber(text: string): number {
  return Value.Parse(Answer, JSON.parse(text)).value
}
