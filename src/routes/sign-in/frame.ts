import type { FastifyReply } from 'fastify'
import { type Html, html, sendPage } from '../page.ts'

interface AppPage {
  title: string
  body: Html
  /** Whether it loads the script that counts down. */
  hasScript?: boolean
}

/** The pages that a person may come back to after signing in. */
export const PERSON_PAGE = '/app'
export const CODES_PAGE = '/app/codes'

/** A page for who is signed in: the way to the other pages, and out. */
export function sendAppPage(reply: FastifyReply, { title, body, hasScript = false }: AppPage): FastifyReply {
  const { url, session } = reply.request
  const { notice } = session
  delete session.notice
  const here = url.split('?')[0]
  const link = (path: string, name: string) =>
    path === here ? html`<a href="${path}" aria-current="page">${name}</a>` : html`<a href="${path}">${name}</a>`
  return sendPage(reply, {
    title: `${title} · fastify-entra`,
    body: html`<nav class="bar">
<a href="/">fastify-entra</a>
${link(PERSON_PAGE, 'You')}
${link(CODES_PAGE, 'Codes')}
<form method="post" action="/app/sign-out">${renderToken(reply)}<button class="button">Sign out</button></form>
</nav>
${renderNotice(notice)}
${body}${hasScript ? html`\n<script src="/app/countdown.js" defer></script>` : ''}`,
    policy: {
      // Signing out goes on to Entra, and browsers hold that redirect to this directive too.
      'form-action': `'self' ${reply.server.signIn.entraOrigin}`,
      ...(hasScript && { 'script-src': "'self'" }),
    },
  })
}

/** A page for who is not. */
export function sendPlainPage(reply: FastifyReply, { title, body }: AppPage): FastifyReply {
  return sendPage(reply, {
    title: `${title} · fastify-entra`,
    body: html`<nav class="bar"><a href="/">fastify-entra</a></nav>
${body}`,
  })
}

/** The session's own token, without which no form is accepted. */
export function renderToken(reply: FastifyReply): Html {
  return html`<input type="hidden" name="_csrf" value="${reply.generateCsrf()}">`
}

export function renderNotice(notice: { isGood: boolean; text: string } | undefined): Html | string {
  return notice === undefined
    ? ''
    : html`<p role="status" class="notice ${notice.isGood ? 'good' : 'bad'}">${notice.text}</p>`
}

/** @param to where to come back to */
export function renderSignInLink(to: string, label = 'Sign in'): Html {
  return html`<a class="button first" href="/app/sign-in?to=${encodeURIComponent(to)}">${label}</a>`
}
