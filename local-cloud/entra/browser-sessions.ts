import { randomUUID } from 'node:crypto'
import { applications } from '../directory.ts'
import type { AuthorizationRequest } from './authorization-codes.ts'

interface BrowserSession {
  sid: string
  /** Where each application hears of the sign-out, by client id. */
  signOutUrls: Map<string, string>
}

/** Who uses Entra with which browser, by Entra's own cookie: what a sign-out ends. */
export function createBrowserSessions() {
  const sessions = new Map<string, BrowserSession>()
  return {
    /** @returns the name of the cookie's session, a new one when there is none of this name, and its `sid` */
    use(name: string | undefined, { clientId, redirectUri }: AuthorizationRequest): { name: string; sid: string } {
      const known = name === undefined ? undefined : sessions.get(name)
      const session = known ?? { sid: randomUUID(), signOutUrls: new Map() }
      const sessionName = known === undefined || name === undefined ? randomUUID() : name
      const app = applications.find((known) => known.clientId === clientId)
      // As a web application's registration says; its port is only known from its redirect URI.
      if (app?.signIn?.platform === 'web') {
        session.signOutUrls.set(clientId, new URL('/app/front-channel-sign-out', redirectUri).href)
      }
      sessions.set(sessionName, session)
      return { name: sessionName, sid: session.sid }
    },
    /** @returns the pages of applications to load */
    end(name: string | undefined): string[] {
      const session = name === undefined ? undefined : sessions.get(name)
      if (name === undefined || session === undefined) return []
      sessions.delete(name)
      return [...session.signOutUrls.values()].map((url) => `${url}?sid=${session.sid}`)
    },
  }
}
