import { InvalidTokenError, TokenMissingError } from './refusals.ts'

/**
 * Takes the token from the `Authorization` header (RFC 6750, section 2.1), the only place that is read.
 * @param rawHeaders names and values in turn, as they came (`IncomingMessage.rawHeaders`): Node's parsed headers keep
 *   the first of two `Authorization` headers and drop the second, and a proxy in front may have judged the other one
 * @throws {TokenMissingError} without a bearer token
 * @throws {InvalidTokenError} `token_malformed` when it is ambiguous which token is meant
 */
export function readBearerToken(rawHeaders: readonly string[]): string {
  let header: string | undefined
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (rawHeaders[i]?.toLowerCase() !== 'authorization') continue
    if (header !== undefined) {
      throw new InvalidTokenError('token_malformed', 'Send one Authorization header; this request has several.')
    }
    header = rawHeaders[i + 1] ?? ''
  }
  if (header === undefined || !/^bearer(?: |$)/i.test(header)) throw new TokenMissingError()
  const token = header.slice('bearer '.length).trim()
  if (token === '') throw new TokenMissingError('The Authorization header says Bearer, and no token follows it.')
  return token
}
