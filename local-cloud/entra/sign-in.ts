import cookie from '@fastify/cookie'
import type { FastifyReply, FastifyRequest, RawServerBase, RouteGenericInterface } from 'fastify'
import { type PersonName, people } from '../directory.ts'
import type { Server } from '../server.ts'
import { type AuthorizationRequest, answerUrl, type Grants, readAuthorizationRequest } from './authorization-codes.ts'
import { createBrowserSessions } from './browser-sessions.ts'
import { type Form, isForm, readOptionalField } from './form.ts'
import { DECISION_PATH, renderChoice, renderConsent, renderSignedOut } from './sign-in-page.ts'
import type { IssuerName } from './tokens.ts'

const COOKIE = 'local-entra'
const ISSUER_FIELD = 'local_cloud_issuer'

interface SignInParts {
  grants: Grants
  /** Object ids of people who consented to what this API does for them. */
  consents: Set<string>
  /** How long access tokens are good for. */
  lifetime: { seconds: number }
}

interface Authority {
  name: IssuerName
  path: string
}

/** The authorization endpoints with their pages, and signing out. */
export async function registerSignIn(
  app: Server,
  parts: SignInParts,
  authorities: readonly Authority[],
): Promise<void> {
  const sessions = createBrowserSessions()
  /** Who consented to which application. */
  const granted = new Set<string>()
  await app.register(cookie)

  for (const { name, path } of authorities) {
    app.get(`/${path}/oauth2/v2.0/authorize`, async (request, reply) => {
      const query = readForm(request.query)
      const asked = readAuthorizationRequest(query)
      // A browser shows the page. A program that follows the link is somebody at once: whom login_hint names.
      const hint = readOptionalField(query, 'login_hint')
      const isBrowser = request.headers.accept?.includes('text/html') === true && hint === undefined
      if (!isBrowser) return grant(request, reply, asked, name, hint === 'guest' ? 'guest' : 'user')
      return sendPage(reply, renderChoice({ ...query, [ISSUER_FIELD]: name }, asked, peopleOf(name)))
    })

    app.get(`/${path}/oauth2/v2.0/logout`, async (request, reply) => {
      const backTo = readOptionalField(readForm(request.query), 'post_logout_redirect_uri')
      const isLocal = backTo !== undefined && /^http:\/\/(?:localhost|127\.0\.0\.1)(?::\d+)?\//.test(backTo)
      reply.clearCookie(COOKIE, { path: '/' })
      return sendPage(reply, renderSignedOut(sessions.end(request.cookies[COOKIE]), isLocal ? backTo : undefined))
    })
  }

  app.post(DECISION_PATH, async (request, reply) => {
    const { person, decision, ...query } = readForm(request.body)
    const asked = readAuthorizationRequest(query)
    const issuer = authorities.find(({ name }) => name === query[ISSUER_FIELD])?.name ?? 'v2'
    const as = peopleOf(issuer).find((name) => name === person) ?? 'user'
    const consent = `${as} ${asked.clientId}`
    if (decision === undefined && (asked.asksConsent || !granted.has(consent))) {
      return sendPage(reply, renderConsent(query, asked, as))
    }
    if (decision === 'decline') return reply.redirect(answerUrl(asked, DECLINED), 303)
    granted.add(consent)
    if (asked.asksConsent) parts.consents.add(people[as].objectId)
    return grant(request, reply, asked, issuer, as)
  })

  function grant(
    request: FastifyRequest<RouteGenericInterface, RawServerBase>,
    reply: Reply,
    asked: AuthorizationRequest,
    issuer: IssuerName,
    as: PersonName,
  ) {
    const { name, sid } = sessions.use(request.cookies[COOKIE], asked)
    reply.setCookie(COOKIE, name, { path: '/', httpOnly: true, secure: true, sameSite: 'none' })
    return reply.redirect(answerUrl(asked, { code: parts.grants.addCode({ request: asked, issuer, as, sid }) }), 303)
  }
}

type Reply = FastifyReply<RouteGenericInterface, RawServerBase>

const DECLINED = {
  error: 'access_denied',
  error_description: 'AADSTS65004: User declined to consent to access the app.',
}

const workforce: readonly PersonName[] = ['user', 'colleague', 'guest', 'unconsenting', 'multiFactor']

function peopleOf(issuer: IssuerName): readonly PersonName[] {
  return issuer === 'v2' ? workforce : ['user']
}

function readForm(value: unknown): Form {
  return isForm(value) ? value : {}
}

function sendPage(reply: Reply, page: string): Reply {
  return reply.type('text/html; charset=utf-8').send(page)
}
