import assert from 'node:assert/strict'
import type { LightMyRequestResponse } from 'fastify'

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
  for (const member of ['type', 'title', 'detail', 'requestId']) {
    assert.equal(typeof problem[member], 'string', `${member} is a text`)
  }
  return problem
}
