import { type KeyObject, verify } from 'node:crypto'
import { InvalidTokenError } from './refusals.ts'

/**
 * Checks an RS256 signature (RFC 7518, section 3.3): RSASSA-PKCS1-v1_5 with SHA-256 over the first two parts as they came.
 * @param text of a token that has the right form
 * @throws {InvalidTokenError} `token_signature`
 */
export function assertSignature(text: string, publicKey: KeyObject): void {
  const end = text.lastIndexOf('.')
  const signed = Buffer.from(text.slice(0, end), 'latin1')
  if (verify('sha256', signed, publicKey, Buffer.from(text.slice(end + 1), 'base64url'))) return
  throw wrongSignature()
}

export function wrongSignature(): InvalidTokenError {
  return new InvalidTokenError(
    'token_signature',
    'The signature of the token is wrong: the token was changed on its way, or its issuer did not make it.',
  )
}
