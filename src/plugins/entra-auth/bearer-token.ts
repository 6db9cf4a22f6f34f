import { InvalidTokenError, TokenMissingError } from './refusals.ts'

/**
 * The `Authorization` header, the only place that a token is taken from (RFC 6750, section 2.1).
 * @param rawHeaders names and values in turn, as they came (`IncomingMessage.rawHeaders`): Node's parsed headers keep
 *   the first of two `Authorization` headers and drop the second, and a proxy in front may have judged the other one
 * @throws {TokenMissingError} when there is none
 * @throws {InvalidTokenError} `token_malformed` when it is ambiguous which token is meant
 */
export function readAuthorization(rawHeaders: readonly string[]): string {
  let header: string | undefined
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]
    if (name?.length !== 'authorization'.length || name.toLowerCase() !== 'authorization') continue
    if (header !== undefined) {
      throw new InvalidTokenError('token_malformed', 'Send one Authorization header; this request has several.')
    }
    header = rawHeaders[i + 1] ?? ''
  }
  if (header === undefined) throw new TokenMissingError()
  return header
}

/**
 * The token in an `Authorization` header.
 * @throws {TokenMissingError} when the header is of another scheme, or has no token
 */
export function bearerTokenOf(authorization: string): string {
  if (!/^bearer(?: |$)/i.test(authorization)) throw new TokenMissingError()
  const token = authorization.slice('bearer '.length).trim()
  if (token === '') throw new TokenMissingError('The Authorization header says Bearer, and no token follows it.')
  return token
}
