import { readFile } from 'node:fs/promises'
import type { Check } from '../http-contestant.ts'
import type { TokenFiles } from '../tokens/token-files.ts'

export const goodToken = (tokens: TokenFiles) => firstOf(tokens, 'good')
export const badSignature = (tokens: TokenFiles) => firstOf(tokens, 'bad signature')

async function firstOf(tokens: TokenFiles, kind: 'good' | 'bad signature'): Promise<string> {
  return await readFile(await tokens.file(kind, 1), 'utf8')
}

export function isServed(token: string): Check {
  return { what: 'a good token', token, statuses: [200] }
}

/** Being fast by letting everyone in is out of competition. */
export function mustRefuse(token: string): Check {
  return { what: 'a token with a bad signature', token, statuses: [401, 403] }
}
