import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { LightMyRequestResponse } from 'fastify'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { root } from './processes.ts'

const Documented = Type.Object({
  paths: Type.Record(
    Type.String(),
    Type.Record(Type.String(), Type.Object({ responses: Type.Record(Type.String(), Type.Unknown()) })),
  ),
})
const { paths } = Value.Parse(Documented, JSON.parse(readFileSync(join(root, 'openapi.json'), 'utf8')))
const Problems = Type.Object({
  content: Type.Object({
    'application/problem+json': Type.Object({ examples: Type.Record(Type.String(), Type.Unknown()) }),
  }),
})

interface Expected {
  status: number
  code: string
}

/** Checks an error answer whole: status, problem details (RFC 9457), and that nothing may store it. */
export function assertProblem(response: LightMyRequestResponse, { status, code }: Expected): Record<string, unknown> {
  const problem: Record<string, unknown> = response.json()
  assert.deepEqual({ status: response.statusCode, code: problem['code'] }, { status, code }, JSON.stringify(problem))
  assert.equal(response.headers['content-type'], 'application/problem+json; charset=utf-8')
  assert.equal(response.headers['cache-control'], 'no-store')
  assert.equal(problem['status'], status)
  const challenge = response.headers['www-authenticate']
  assert.equal(challenge !== undefined, status === 401 || status === 403)
  if (challenge !== undefined)
    assert.match(String(challenge), /resource_metadata="http:\/\/localhost:80\/.well-known\//)
  assertDocumented(response, { status, code })
  for (const member of ['type', 'title', 'detail', 'requestId']) {
    assert.equal(typeof problem[member], 'string', `${member} is a text`)
  }
  return problem
}

/** Whatever a test sees an endpoint answer stands in openapi.json. */
function assertDocumented({ raw }: LightMyRequestResponse, { status, code }: Expected): void {
  const { method = '', url = '' } = raw.req
  const operation = paths[url.split('?')[0] ?? '']?.[method.toLowerCase()]
  if (operation === undefined) return
  const { content } = Value.Parse(Problems, operation.responses[status])
  assert.ok(code in content['application/problem+json'].examples, `openapi.json: ${method} ${url} answers ${code}`)
}
