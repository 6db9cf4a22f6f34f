import { randomInt } from 'node:crypto'
import { type Static, Type } from 'typebox'

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** Three random letters, the third party's number, three random letters. */
export const Code = Type.String({ pattern: '^[A-Za-z]{3}-[0-9]{1,16}-[A-Za-z]{3}$', examples: ['ojE-161-pTv'] })
export type Code = Static<typeof Code>

/** What the caller gets, and, as the same JSON, what the queue gets. */
export const IssuedCode = Type.Object(
  {
    code: Code,
    timestamp: Type.String({
      format: 'date-time',
      description: 'When the code was issued, in UTC.',
      examples: ['2026-11-20T16:54:48.816Z'],
    }),
  },
  { description: 'A new code.' },
)
export type IssuedCode = Static<typeof IssuedCode>

/** @param number a whole number, 0 or more */
export function createCode(number: number): Code {
  return `${randomLetters(3)}-${number}-${randomLetters(3)}`
}

function randomLetters(count: number): string {
  return Array.from({ length: count }, () => LETTERS.charAt(randomInt(LETTERS.length))).join('')
}
