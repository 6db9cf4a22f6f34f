import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import { Type } from 'typebox'
import { html, sendPage } from '../page.ts'
import { policies } from '../policies.ts'
import { CODES_PAGE, PERSON_PAGE, renderSignInLink, sendPlainPage } from './frame.ts'

interface SessionRoutesOptions {
  /** The origin that people open. */
  origin: string
}

const Text = Type.Optional(Type.String())
const Answer = Type.Object({ state: Text, code: Text, error: Text })

/** Signing in through Entra, and out again. */
export const sessionRoutes: FastifyPluginAsyncTypebox<SessionRoutesOptions> = async (app, { origin }) => {
  app.get('/sign-in', { schema: { querystring: Type.Object({ to: Text, moved: Text }) } }, async (request, reply) => {
    const to = request.query.to === CODES_PAGE ? CODES_PAGE : PERSON_PAGE
    // Under another name of this host the browser would not have its cookie when it comes back.
    const isElsewhere = request.host !== new URL(origin).host && request.query.moved === undefined
    if (isElsewhere) return reply.redirect(`${origin}/app/sign-in?to=${encodeURIComponent(to)}&moved=1`)
    return reply.redirect(await app.signIn.begin(request, to))
  })

  app.get('/redirect', { schema: { querystring: Answer } }, async (request, reply) =>
    reply.redirect(await app.signIn.finish(request, request.query, policies['GET /api/v1/hello-graph']), 303),
  )

  app.post('/sign-out', async ({ session }, reply) => {
    const loginHint = session.person?.loginHint
    await app.sessions.end(reply)
    const url = await app.signIn.endSessionUrl(`${origin}/app/signed-out`, loginHint)
    return reply.redirect(url ?? '/app/signed-out?here=only', 303)
  })

  app.get('/signed-out', { schema: { querystring: Type.Object({ here: Text }) } }, async ({ query }, reply) =>
    sendPlainPage(reply, {
      title: 'Signed out',
      body: html`<h1>You are signed out</h1>
<p>${
        query.here === undefined
          ? 'Your session here is over, and nothing of it is kept.'
          : 'Your session here is over. Microsoft Entra could not be told: close the browser to end its session too.'
      }</p>
<p>${renderSignInLink(PERSON_PAGE, 'Sign in again')}</p>`,
    }),
  )

  // OpenID Connect Front-Channel Logout 1.0: Entra opens it in a frame of its own page, where browsers send no cookie with it.
  app.get(
    '/front-channel-sign-out',
    { schema: { querystring: Type.Object({ sid: Type.Optional(Type.String({ maxLength: 100 })) }) } },
    async (request, reply) => {
      const { sid } = request.query
      if (sid !== undefined) await app.sessions.endBySid(sid)
      const policy = { 'frame-ancestors': app.signIn.entraOrigin }
      return sendPage(reply, { title: 'Signed out', body: html`<h1>Signed out</h1>`, policy })
    },
  )
}
