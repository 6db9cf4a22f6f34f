import type { FastifyReply, FastifyRequest } from 'fastify'
import { PublicError } from '../../errors.ts'
import { notFound, toPublicError } from '../../plugins/problem-details.ts'
import { html } from '../page.ts'
import { CODES_PAGE, PERSON_PAGE, renderSignInLink, sendPlainPage } from './frame.ts'

/** Errors after which the person has to sign in. */
const SIGN_IN_AGAIN = new Set(['session_over', 'sign_in_declined', 'sign_in_invalid'])

/** What answerError is for the API: says what went wrong, here as a page. */
export function answerErrorPage(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
  const problem = isFormRefusal(error) ? formRefused(error) : toPublicError(error)
  const { code, status, title, detail, headers } = problem
  request.problem = code
  if (status >= 500) request.log.error({ err: error, problem: code }, detail)
  else if (problem.cause !== undefined) request.log.info({ err: problem.cause, problem: code }, detail)
  if (headers['retry-after'] !== undefined) reply.header('retry-after', headers['retry-after'])
  const back = request.url.startsWith(CODES_PAGE) ? CODES_PAGE : PERSON_PAGE
  return sendPlainPage(reply.code(status), {
    title,
    body: html`<h1>${title}</h1>
<p>${detail}</p>
<p>${SIGN_IN_AGAIN.has(code) ? renderSignInLink(back) : html`<a class="button first" href="${back}">Back</a>`}</p>
<footer>Request ${request.id}</footer>`,
  })
}

export function answerNotFoundPage(request: FastifyRequest, reply: FastifyReply): FastifyReply {
  return answerErrorPage(notFound(request.url.split('?')[0] ?? ''), request, reply)
}

/** @fastify/csrf-protection refused the form. */
function isFormRefusal(error: unknown): boolean {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('FST_CSRF_')
}

function formRefused(cause: unknown): PublicError {
  return new PublicError({
    status: 403,
    code: 'form_refused',
    title: 'This form is not accepted.',
    detail: 'It is from an earlier session, or not from here at all. Go back, and send it anew.',
    cause,
  })
}
