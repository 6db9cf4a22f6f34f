import { isUtf8 } from 'node:buffer'
import { InvalidTokenError } from './refusals.ts'

/** Entra's largest tokens, with 200 groups, stay under 12 KiB; beyond this nobody has asked Entra for a token. */
const MAX_TOKEN_LENGTH = 16 * 1024
/** A token of nothing but dots is not taken apart to its end. */
const MAX_PARTS = 10

/** RFC 9068 and RFC 7519, section 5.1. Entra writes `JWT`. */
const ACCEPTED_TYPES: readonly unknown[] = [undefined, 'JWT', 'at+jwt']

export type JsonObject = Readonly<Record<string, unknown>>

/** A token that has the right form. Nothing in it can be believed yet. */
export interface UnverifiedToken {
  unverifiedHeader: JsonObject
  unverifiedClaims: JsonObject
  kid: string
}

/**
 * Takes a token apart and checks its form (rule 1 of 'Token validation').
 * @throws {InvalidTokenError} `token_malformed`, `token_algorithm`, or `token_key_unknown` when it names no key
 */
export function parseUnverifiedToken(token: string): UnverifiedToken {
  if (token.length > MAX_TOKEN_LENGTH) throw malformed(`The token is longer than ${MAX_TOKEN_LENGTH} characters.`)
  const [header, payload, signature] = splitToken(token)
  const unverifiedHeader = parsePart('header', header)
  assertHeader(unverifiedHeader)
  if (!isCanonicalBase64Url(signature)) throw malformed('The signature of the token is not base64url.')
  const unverifiedClaims = parsePart('payload', payload)
  const { kid } = unverifiedHeader
  if (typeof kid !== 'string' || kid === '') {
    throw new InvalidTokenError('token_key_unknown', 'The header of the token does not name its signing key (kid).')
  }
  return { unverifiedHeader, unverifiedClaims, kid }
}

function splitToken(token: string): [header: string, payload: string, signature: string] {
  const parts = token.split('.', MAX_PARTS)
  const [header, payload, signature] = parts
  if (parts.length !== 3 || header === undefined || payload === undefined || signature === undefined) {
    const count = parts.length < MAX_PARTS ? `${parts.length}` : 'many'
    throw malformed(`A signed token has three parts separated by dots; this one has ${count}.`)
  }
  return [header, payload, signature]
}

/** RFC 8725, sections 3.1 and 3.11; RFC 7515, section 4.1.11. `jku`, `jwk`, `x5u` and `x5c` are not looked at. */
function assertHeader(header: JsonObject): void {
  const { alg, typ } = header
  if (alg !== 'RS256') {
    throw new InvalidTokenError(
      'token_algorithm',
      `The token must be signed with RS256; its header says alg ${describe(alg)}.`,
    )
  }
  if (!ACCEPTED_TYPES.includes(typ)) throw malformed(`The header of the token must say typ JWT, not ${describe(typ)}.`)
  if ('crit' in header || 'b64' in header) throw malformed('The header of the token has crit or b64, never accepted.')
}

function parsePart(name: string, part: string): JsonObject {
  if (part === '' || !isCanonicalBase64Url(part)) throw malformed(`The ${name} of the token is not base64url.`)
  const value = parseJson(Buffer.from(part, 'base64url'))
  if (value === undefined) throw malformed(`The ${name} of the token is not JSON.`)
  if (!isJsonObject(value)) throw malformed(`The ${name} of the token is not a JSON object.`)
  return value
}

/** @returns undefined, which JSON has no word for, when it is not JSON in UTF-8 */
function parseJson(bytes: Buffer): unknown {
  if (!isUtf8(bytes)) return undefined
  try {
    return JSON.parse(bytes.toString())
  } catch {
    return undefined
  }
}

/** The characters that may end a text of base64url, by its length modulo 4: their spare bits are zero. */
const LAST_CHARACTERS = ['', undefined, 'AQgw', 'AEIMQUYcgkosw048'] as const

/** Refuses a second spelling of the same bytes (padding, spare bits): one token, one string (RFC 7515, section 2). */
function isCanonicalBase64Url(text: string): boolean {
  const last = LAST_CHARACTERS[text.length % 4]
  if (last === undefined || !/^[\w-]*$/.test(text)) return false
  return last === '' || last.includes(text.charAt(text.length - 1))
}

function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** A value of the caller's own token, short enough for a message. */
export function describe(value: unknown): string {
  if (value === undefined) return 'nothing'
  const text = toJson(value)
  return text.length > 120 ? `${text.slice(0, 120)}…` : text
}

/** What can be parsed cannot always be written again: that takes more of the stack for each level. */
function toJson(value: unknown): string {
  try {
    return JSON.stringify(value)
  } catch {
    return 'something that is nested too deeply'
  }
}

function malformed(detail: string): InvalidTokenError {
  return new InvalidTokenError('token_malformed', detail)
}
