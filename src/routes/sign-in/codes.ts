import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { Type } from 'typebox'
import type { IssuedCode } from '../../codes/code.ts'
import { type CodeState, lookUpCode } from '../../codes/look-up-code.ts'
import { PublicError } from '../../errors.ts'
import type { RoutePolicy } from '../../plugins/entra-auth/route-policy.ts'
import { giveCode } from '../getcode.ts'
import { type Html, html } from '../page.ts'
import { policies } from '../policies.ts'
import { useCode } from '../verify-code.ts'
import { CODES_PAGE, renderToken, sendAppPage } from './frame.ts'

/** People check codes here as themselves; over the API only apps do, with a role of their own. */
const checkPolicy: RoutePolicy = { scopes: ['user_impersonation'] }

/** How often and how long to look whether the worker has seen a new code, before the page says that it has not yet. */
const LOOKS = 10
const LOOK_EVERY_MS = 100

interface CodesRoutesOptions {
  /** As the worker has it. */
  codeLifetimeSeconds: number
}

type LookUp = (issued: IssuedCode) => Promise<CodeState | { state: 'unknown' }>

/** `/app/codes`: a code for who is signed in, its remaining time, and whether a code is valid. */
export const codesRoutes: FastifyPluginAsyncTypebox<CodesRoutesOptions> = async (app, { codeLifetimeSeconds }) => {
  /** The page shows the code also when the table cannot be asked about it. */
  const lookUp: LookUp = async (issued) =>
    await lookUpCode(app.codesTable, issued, codeLifetimeSeconds * 1_000).catch((error: unknown) => {
      if (error instanceof PublicError) return { state: 'unknown' as const }
      throw error
    })

  app.get('/codes', async (_request, reply) => {
    await app.signIn.admit(reply, policies['GET /api/v1/getcode'])
    return await sendCodes(reply, lookUp)
  })

  app.post('/codes', async (request, reply) => {
    await app.signIn.admit(reply, policies['GET /api/v1/getcode'])
    return await thenShow(reply, lookUp, async () => {
      const issued = await giveCode(app, request, request.deadline)
      request.session.code = issued
      await untilSeen(issued, lookUp)
    })
  })

  app.post('/codes/check', { schema: { body: Type.Object({ code: Type.String() }) } }, async (request, reply) => {
    await app.signIn.admit(reply, checkPolicy)
    return await thenShow(reply, lookUp, async () => {
      request.session.notice = await check(app, reply, request.body.code.trim(), lookUp)
    })
  })
}

/** Shows what became of it on a page of its own, so that loading it anew does not do it once more. */
async function thenShow(reply: FastifyReply, lookUp: LookUp, work: () => Promise<void>): Promise<FastifyReply> {
  try {
    await work()
    return reply.redirect(CODES_PAGE, 303)
  } catch (error) {
    if (!(error instanceof PublicError)) throw error
    const { request } = reply
    request.problem = error.code
    request.log.warn({ err: error, problem: error.code }, error.detail)
    request.session.notice = { isGood: false, text: `${error.title} ${error.detail}` }
    const { 'retry-after': retryAfter } = error.headers
    if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
    return await sendCodes(reply.code(error.status), lookUp)
  }
}

async function check(app: FastifyInstance, reply: FastifyReply, code: string, lookUp: LookUp) {
  const { valid, issuedAt = '' } = await useCode(app, reply, code)
  if (valid) return { isGood: true, text: `Valid. ${code} was issued at ${toTime(issuedAt)}, and is used from now on.` }
  const { code: own } = reply.request.session
  const isUsed = own?.code === code && (await lookUp(own)).state === 'used'
  const text = isUsed ? `Used. ${code} was valid once, and is no more.` : 'Not valid: unknown, used, or past its time.'
  return { isGood: false, text }
}

/** An idle worker looks at the queue every few seconds: then the page says that the code is not valid yet. */
async function untilSeen(issued: IssuedCode, lookUp: LookUp): Promise<void> {
  for (let look = 0; look < LOOKS; look += 1) {
    await sleep(LOOK_EVERY_MS)
    if ((await lookUp(issued)).state !== 'pending') return
  }
}

async function sendCodes(reply: FastifyReply, lookUp: LookUp): Promise<FastifyReply> {
  const { code: issued } = reply.request.session
  const state = issued && (await lookUp(issued))
  const isValid = state?.state === 'valid'
  return sendAppPage(reply, {
    title: 'Codes',
    hasScript: isValid || state?.state === 'pending',
    body: html`<h1>Codes</h1>
<section class="card"><h2>Your code</h2>
${issued && state ? renderCode(issued, state) : html`<p class="quiet">You have none yet. It will be valid once, for a few minutes.</p>`}
<form method="post" action="/app/codes">${renderToken(reply)}
<button class="button${issued ? '' : ' first'}">${issued ? 'Get another code' : 'Get a code'}</button></form>
</section>
<section class="card"><h2>Check a code</h2>
<form method="post" action="/app/codes/check">${renderToken(reply)}
<label for="code">Code</label>
<div class="field"><input id="code" name="code" required maxlength="64" autocomplete="off" autocapitalize="off" spellcheck="false"
 value="${isValid && issued ? issued.code : ''}">
<button class="button${isValid ? ' first' : ''}">Check</button></div>
<p class="quiet">Checking a valid code uses it.</p></form>
</section>`,
  })
}

function renderCode({ code, timestamp }: IssuedCode, state: CodeState | { state: 'unknown' }): Html {
  return html`<p class="big code">${code}</p>
${renderState(state)}
<p class="quiet">Issued at <time datetime="${timestamp}">${toTime(timestamp)}</time>.</p>`
}

function renderState(state: CodeState | { state: 'unknown' }): Html {
  switch (state.state) {
    case 'valid': {
      const seconds = Math.ceil(state.remainingMs / 1_000)
      return html`<p class="state good">Valid for <span id="remaining" role="timer" data-seconds="${seconds}">${toClock(seconds)}</span></p>
<progress id="progress" max="${seconds}" value="${seconds}" aria-label="Remaining time"></progress>`
    }
    case 'pending':
      return html`<p class="state warn" id="pending">Not valid yet: the worker has not seen it. <a href="${CODES_PAGE}">Look again</a></p>`
    case 'used':
      return html`<p class="state bad">Used</p>`
    case 'ended':
      return html`<p class="state bad">Its time is over</p>`
    case 'unknown':
      return html`<p class="state warn">How it is cannot be said for the moment.</p>`
  }
}

/** @param timestamp as `Date.toISOString` writes it */
function toTime(timestamp: string): string {
  return `${timestamp.slice(11, 19)} UTC`
}

function toClock(seconds: number): string {
  return `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, '0')}`
}
