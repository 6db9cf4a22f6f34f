import fc from 'fast-check'
import type { Changes } from '../../local-cloud/entra/issuer.ts'

/** Any text, of any characters. */
const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' }))
const anything = fc.jsonValue({ maxDepth: 2 })
const time = fc.oneof(
  fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
  fc.integer({ min: -900, max: 900 }).map((seconds) => new Date(Date.now() + seconds * 1_000).toISOString()),
  fc.constantFrom('2026-13-45T99:99:99Z', '2026-11-20T16:54:48.816+01:00', '9999-12-31T23:59:59.999Z', 'now', ''),
)
const code = fc.oneof(fc.stringMatching(/^[A-Za-z]{3}-[0-9]{1,17}-[A-Za-z]{3}$/), text, anything)
const toBase64 = (value: string) => Buffer.from(value).toString('base64')
const toBase64Url = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url')

/** A value of the `Authorization` header that nobody's key has signed. */
export const authorization = fc.oneof(
  text,
  text.map((token) => `Bearer ${token}`),
  fc
    .tuple(anything, anything, fc.base64String())
    .map(([header, claims, signature]) => `Bearer ${toBase64Url(header)}.${toBase64Url(claims)}.${signature}`),
  fc
    .tuple(fc.constantFrom('RS256', 'HS256', 'none', 'PS256'), fc.dictionary(fc.string(), anything))
    .map(([alg, claims]) => `Bearer ${toBase64Url({ alg, kid: 'x' })}.${toBase64Url(claims)}.AAAA`),
)

/** Claims that an issuer could put into a token in the place of those that belong there; undefined leaves one out. */
export const claims: fc.Arbitrary<Changes> = fc.dictionary(
  fc.constantFrom(
    ...['aud', 'iss', 'sub', 'oid', 'tid', 'azp', 'azpacr', 'appid', 'appidacr', 'roles', 'scp', 'idtyp', 'ver'],
    ...['exp', 'nbf', 'iat', 'nonce', 'acct', 'idp', 'tfp', 'acr', 'uti', 'name', '__proto__', 'constructor'],
  ),
  fc.option(
    fc.oneof(
      anything,
      text,
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.constantFrom('app', 'user_impersonation', ['Codes.Issue']),
    ),
    {
      nil: undefined,
    },
  ),
  { maxKeys: 6 },
)

/** The body of a request, and its media type. */
export const body = fc.record({
  type: fc.oneof(
    fc.constant('application/json'),
    fc.constantFrom('application/json; charset=utf-16', 'text/plain', 'application/x-www-form-urlencoded', '', 'json'),
  ),
  payload: fc.oneof(
    code.map((value) => JSON.stringify({ code: value })),
    anything.map((value) => JSON.stringify(value)),
    fc.constantFrom('{"__proto__":{"valid":true}}', '{"code":"abc-1-def","constructor":{"prototype":{}}}', '{"code":'),
    text,
    fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
    fc.integer({ min: 16_000, max: 20_000 }).map((length) => JSON.stringify({ code: 'x'.repeat(length) })),
  ),
})

/** A request as it comes over the wire: its lines are good, odd or none at all. */
export const wire = fc
  .record({
    method: fc.oneof(fc.constantFrom('GET', 'POST', 'HEAD', 'OPTIONS', 'TRACE', 'CONNECT', 'get'), text),
    path: fc.oneof(
      fc.constantFrom('/api/v1/getcode', '/api/v1/codes/verify', '/readyz', '*', '//', '/%ff', '/%00', '/../healthz'),
      fc.webUrl(),
      text.map((path) => `/${path}`),
    ),
    version: fc.oneof({ weight: 5, arbitrary: fc.constant('HTTP/1.1') }, fc.constantFrom('HTTP/1.0', 'HTTP/2.0', '')),
    headers: fc.array(
      fc.tuple(
        fc.oneof(
          fc.constantFrom(
            ...['authorization', 'content-length', 'transfer-encoding', 'connection', 'expect', 'upgrade', 'host'],
            ...['content-type', 'x-forwarded-for', 'x-forwarded-host', 'cookie', 'te', 'trailer', '__proto__'],
          ),
          text,
        ),
        fc.oneof(
          fc.constantFrom(
            ...['chunked', 'chunked, identity', '0', '-1', '18446744073709551616', '100-continue', 'websocket'],
            ...['close', 'upgrade', 'application/json', 'gzip', '127.0.0.1', '"><script>'],
          ),
          text,
        ),
      ),
      { maxLength: 6 },
    ),
    rest: fc.oneof(fc.constant(''), fc.constant('0\r\n\r\n'), fc.constant('GET / HTTP/1.1\r\n\r\n'), text),
  })
  .map(({ method, path, version, headers, rest }) =>
    [`${method} ${path} ${version}`, 'host: localhost', ...headers.map((pair) => pair.join(': ')), '', rest].join(
      '\r\n',
    ),
  )

const digest = fc.oneof(fc.stringMatching(/^[0-9a-f]{64}$/), anything)
/** The text of a message that is on the queue, whoever put it there. */
export const message = fc.oneof(
  text,
  anything.map((value) => JSON.stringify(value)),
  fc.record({ code, timestamp: fc.oneof(time, anything) }).map((issued) => JSON.stringify(issued)),
  fc.record({ code, timestamp: time }).map((issued) => toBase64(JSON.stringify(issued))),
  fc
    .record({ state: fc.constantFrom('valid', 'used', 'new'), digest, endsAt: fc.oneof(time, anything) })
    .map((mark) => JSON.stringify(mark)),
)

/** What a neighbour could answer in the place of what it should. */
export const answer = fc.record({
  status: fc.oneof({ weight: 3, arbitrary: fc.constant(200) }, fc.constantFrom(201, 204, 302, 400, 402, 404, 410)),
  body: fc.oneof(
    text,
    anything.map((value) => JSON.stringify(value)),
    fc.oneof(anything, fc.double(), fc.maxSafeInteger()).map((value) => JSON.stringify({ value })),
    fc.constantFrom('{"value":1e400}', '{"value":-0}', '{"value":1.0}', '{"value":[1]}', '{"__proto__":{"value":1}}'),
  ),
})
