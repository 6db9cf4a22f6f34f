import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import fp from 'fastify-plugin'
import { Type } from 'typebox'
import { referenceOf } from '../codes/code-record.ts'
import { Verification, verifyCode } from '../codes/verify-code.ts'
import { policies } from './policies.ts'

const Body = Type.Object({ code: Type.String({ examples: ['ojE-161-pTv'] }) })

/**
 * A refusal leaves at a full step of this after the request came, so that its time does not tell whether there was such a
 * code. Looking up one that is not there is some tenths of a millisecond faster.
 */
const REFUSAL_STEP_MS = 50

/** `POST /api/v1/codes/verify`: whether a code is valid, which it then is no more. */
const verifyCodeRoute: FastifyPluginAsyncTypebox = async (app) => {
  app.post(
    '/api/v1/codes/verify',
    {
      config: { policy: policies['POST /api/v1/codes/verify'], problems: ['codes_unavailable'] },
      schema: {
        operationId: 'verifyCode',
        tags: ['Codes'],
        summary: 'Ask whether a code is valid, and use it',
        description:
          'True once for each code. A code that is unknown, misspelt, expired or used is not valid, without a difference. ' +
          'Who is wrong too often gets `rate_limited`.',
        body: Body,
        response: { 200: Verification },
      },
    },
    async (request, reply) => await useCode(app, reply, request.body.code),
  )
}

/** Uses a code for an authenticated request, as one of its caller's guesses. */
export async function useCode(app: FastifyInstance, reply: FastifyReply, code: string): Promise<Verification> {
  const { request } = reply
  const reference = referenceOf(code)
  request.audit = { event: 'code_refused', code: reference }
  return await app.guessLimit.guess(request, async () => {
    const answer = await verifyCode(app.codesTable, code)
    if (answer.valid) request.audit = { event: 'code_verified', code: reference }
    else await untilFullStep(reply.elapsedTime)
    return { isRight: answer.valid, answer }
  })
}

/** @param elapsedMs since the request came */
async function untilFullStep(elapsedMs: number): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, REFUSAL_STEP_MS - (elapsedMs % REFUSAL_STEP_MS)))
}

export default fp(verifyCodeRoute, {
  name: 'route-verify-code',
  encapsulate: true,
  dependencies: ['entra-auth', 'codes-table', 'guess-limit', 'request-log'],
})
