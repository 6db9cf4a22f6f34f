import type { FastifyInstance, LightMyRequestResponse } from 'fastify'
import { b2c, externalId, type PersonName, tenant } from '../../local-cloud/directory.ts'
import { digest } from '../../src/plugins/sign-in/session-store.ts'

/** Where the web application of these tests says that people open it. */
export const WEB_ORIGIN = 'http://localhost'

interface SignInOptions {
  decision?: 'accept' | 'decline'
  /** Where to come back to. */
  to?: string
  /** Parameters that somebody changes on the way to Entra. */
  changed?: Record<string, string>
}

export interface Visitor {
  cookies: Map<string, string>
  get(url: string, from?: FastifyInstance): Promise<LightMyRequestResponse>
  post(url: string, form: Record<string, string>): Promise<LightMyRequestResponse>
  /** The token that every form of a page carries. */
  readToken(page?: string): Promise<string>
  /** Sends a form of the codes page, and loads the page that it leads to. */
  submit(url: string, form?: Record<string, string>): Promise<LightMyRequestResponse>
  /** Begins a sign-in, and decides at Entra. @returns Entra's answer, not opened yet */
  askEntra(as?: PersonName, options?: SignInOptions): Promise<string>
  /** Signs in. @returns the answer that ends it: a redirect to the page when all is well */
  signIn(as?: PersonName, options?: SignInOptions): Promise<LightMyRequestResponse>
  /** Signs out of Entra itself. @returns the pages of applications that it loads to tell them */
  signOutAtEntra(): Promise<string[]>
  /** Somebody who has got hold of the cookies. */
  copy(): Visitor
  /** Name of the session's row. */
  readonly rowKey: string
}

/** A person with a browser that runs no script: it keeps cookies, follows redirects to Entra, and sends forms. */
export function openVisitor(app: FastifyInstance): Visitor {
  const cookies = new Map<string, string>()
  let entra = { origin: '', cookie: '' }

  async function send(method: 'GET' | 'POST', url: string, form?: Record<string, string>, to = app) {
    const cookie = [...cookies].map((pair) => pair.join('=')).join('; ')
    const response = await to.inject({
      method,
      url,
      headers: {
        host: new URL(WEB_ORIGIN).host,
        ...(cookie !== '' && { cookie }),
        ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      ...(form && { payload: new URLSearchParams(form).toString() }),
    })
    for (const { name, value, maxAge, expires } of response.cookies) {
      if (maxAge === 0 || (expires !== undefined && expires.getTime() < Date.now())) cookies.delete(name)
      else cookies.set(name, encodeURIComponent(value))
    }
    return response
  }

  const visitor: Visitor = {
    cookies,
    get: (url, from) => send('GET', url, undefined, from),
    post: (url, form) => send('POST', url, form),
    async readToken(page = '/app/codes') {
      return /name="_csrf" value="([^"]+)"/.exec((await visitor.get(page)).body)?.[1] ?? ''
    },
    async submit(url, form = {}) {
      const response = await visitor.post(url, { ...form, _csrf: await visitor.readToken() })
      return response.statusCode === 303 ? await visitor.get(String(response.headers.location)) : response
    },
    async askEntra(as = 'user', { decision = 'accept', to = '/app', changed = {} } = {}) {
      const begun = await visitor.get(`/app/sign-in?to=${encodeURIComponent(to)}`)
      if (begun.statusCode !== 302) throw new Error(`not sent to Entra: ${begun.statusCode} ${begun.body}`)
      const target = new URL(String(begun.headers.location))
      const answer = await fetch(`${target.origin}/local-cloud/sign-in`, {
        method: 'POST',
        redirect: 'manual',
        headers: { cookie: entra.cookie },
        body: new URLSearchParams({
          ...Object.fromEntries(target.searchParams),
          ...changed,
          local_cloud_issuer: issuerOf(target.pathname),
          person: as,
          decision,
        }),
      })
      entra = { origin: target.origin, cookie: answer.headers.get('set-cookie')?.split(';')[0] ?? entra.cookie }
      const { pathname, search } = new URL(answer.headers.get('location') ?? `refused: ${await answer.text()}`)
      return pathname + search
    },
    async signIn(as, options) {
      return await visitor.get(await visitor.askEntra(as, options))
    },
    async signOutAtEntra() {
      const page = await fetch(`${entra.origin}/${tenant.id}/oauth2/v2.0/logout`, { headers: { cookie: entra.cookie } })
      return [...(await page.text()).matchAll(/<iframe [^>]*src="([^"]+)"/g)].map(([, url = '']) => url)
    },
    copy() {
      const thief = openVisitor(app)
      for (const [name, value] of cookies) thief.cookies.set(name, value)
      return thief
    },
    get rowKey() {
      const [cookie = ''] = cookies.values()
      return digest(decodeURIComponent(cookie).split('.')[0] ?? '')
    },
  }
  return visitor
}

function issuerOf(path: string): string {
  if (path.startsWith(`/${b2c.tenantName}`)) return 'b2c'
  return path.startsWith(`/${externalId.tenantId}`) ? 'external-id' : 'v2'
}
