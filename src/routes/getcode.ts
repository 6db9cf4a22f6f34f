import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'
import { IssuedCode } from '../codes/code.ts'
import { referenceOf } from '../codes/code-record.ts'
import { issueCode } from '../codes/issue-code.ts'
import { policies } from './policies.ts'

const PROBLEMS = [
  'secret_unavailable',
  'number_api_failed',
  'number_api_invalid',
  'number_api_timeout',
  'number_api_unavailable',
  'queue_unavailable',
] as const

/** `GET /api/v1/getcode`: a one-time code, which is on the queue by the time the caller has it. */
const getcode: FastifyPluginAsyncTypebox = async (app) => {
  app.get(
    '/api/v1/getcode',
    {
      config: { policy: policies['GET /api/v1/getcode'], problems: PROBLEMS },
      schema: {
        operationId: 'getCode',
        tags: ['Codes'],
        summary: 'Get a one-time code',
        description: 'The code is on the queue by the time you have it, and becomes valid within seconds.',
        response: { 200: IssuedCode },
      },
    },
    (request) => giveCode(app, request, request.deadline),
  )
}

/** A code for an authenticated request. */
export async function giveCode(
  app: FastifyInstance,
  request: FastifyRequest,
  deadline: FastifyRequest['deadline'],
): Promise<IssuedCode> {
  const traceparent = app.observedCalls.readTraceparent()
  const issued = await issueCode({ numberApi: app.numberApi, queue: request.queue, deadline, traceparent })
  request.audit = { event: 'code_issued', code: referenceOf(issued.code) }
  return issued
}

export default fp(getcode, {
  name: 'route-getcode',
  encapsulate: true,
  dependencies: ['entra-auth', 'number-api', 'storage-queue', 'request-log', 'observed-calls'],
})
