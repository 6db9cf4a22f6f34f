import type { FastifyPluginAsyncTypebox } from '@fastify/type-provider-typebox'
import type { FastifyReply } from 'fastify'
import { InsufficientClaimsError, PublicError } from '../../errors.ts'
import { greet } from '../hello-graph.ts'
import { type Html, html } from '../page.ts'
import { policies } from '../policies.ts'
import { PERSON_PAGE, renderNotice, renderSignInLink, sendAppPage, sendPlainPage } from './frame.ts'

/** What Graph calls it, and people do. */
const FACTS: ReadonlyArray<[member: string, name: string]> = [
  ['mail', 'Mail'],
  ['userPrincipalName', 'User name'],
  ['id', 'Object id'],
]

/** `GET /app`: who is signed in, as Microsoft Graph says; or the way to sign in. */
export const personRoute: FastifyPluginAsyncTypebox = async (app) => {
  app.get('/', async (request, reply) => {
    if (request.session.person === undefined) return sendWelcome(reply)
    await app.signIn.admit(reply, policies['GET /api/v1/hello-graph'])
    const { name } = request.session.person
    try {
      const { graph, claims, flow } = await greet(app, request)
      delete request.session.demand
      return sendAppPage(reply, { title: 'You', body: renderPerson(name, graph, claims, flow) })
    } catch (error) {
      // The rest of the application works without Graph.
      if (!(error instanceof PublicError)) throw error
      request.problem = error.code
      request.log.warn({ err: error, problem: error.code }, error.detail)
      if (error instanceof InsufficientClaimsError) request.session.demand = error.claims ?? ''
      return sendAppPage(reply.code(error.status), { title: 'You', body: renderFault(name, error) })
    }
  })
}

function sendWelcome(reply: FastifyReply): FastifyReply {
  const notice = reply.server.sessions.hasCookie(reply)
    ? { isGood: false, text: 'Your session ran out. Sign in again to go on.' }
    : undefined
  return sendPlainPage(reply, {
    title: 'Sign in',
    body: html`${renderNotice(notice)}
<h1>Sign in</h1>
<p>See who you are here, ask for one-time codes, and check them.</p>
<p>${renderSignInLink(PERSON_PAGE, 'Sign in with Microsoft')}</p>`,
  })
}

function renderPerson(
  name: string,
  graph: Readonly<Record<string, unknown>>,
  claims: Readonly<Record<string, unknown>>,
  flow: string,
): Html {
  const facts = FACTS.flatMap(([member, label]) => {
    const value = graph[member]
    return typeof value === 'string' ? [html`<dt>${label}</dt><dd>${value}</dd>`] : []
  })
  const { displayName } = graph
  const how = flow === 'on_behalf_of' ? 'asked on your behalf' : 'asked in the name of this service'
  return html`<h1>${typeof displayName === 'string' ? displayName : name}</h1>
<p class="quiet">As Microsoft Graph knows you, ${how}.</p>
<section class="card"><h2>You</h2><dl class="facts">${facts}</dl></section>
<details class="card"><summary>What your access token says</summary>
<dl class="facts">${Object.entries(claims).map(
    ([claim, value]) =>
      html`<dt>${claim}</dt><dd><code>${typeof value === 'string' ? value : JSON.stringify(value)}</code></dd>`,
  )}</dl></details>`
}

function renderFault(name: string, { title, detail, code }: PublicError): Html {
  const isDemand = code === 'insufficient_claims'
  const text = isDemand
    ? 'Microsoft Entra wants your consent, or to see you once more, before this service may ask Microsoft Graph about you.'
    : detail
  return html`<h1>${name}</h1>
<section class="card"><h2 class="state ${isDemand ? 'warn' : 'bad'}">${isDemand ? 'One more step' : title}</h2><p>${text}</p>
<p>${isDemand ? renderSignInLink(PERSON_PAGE, 'Go on at Microsoft') : html`<a href="${PERSON_PAGE}">Try again</a>`}</p></section>
<p class="quiet">You are signed in, and can ask for codes all the same.</p>`
}
