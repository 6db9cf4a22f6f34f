import { randomBytes } from 'node:crypto'
import { applications } from '../directory.ts'
import { EntraError } from './errors.ts'
import { type Form, readField, readOptionalField } from './form.ts'

interface Granted {
  clientId: string
  redirectUri: string
  challenge: string
  as: 'user' | 'guest'
}

/** Codes of the authorization endpoint (RFC 6749, section 4.1), each good for one use. */
export function createAuthorizationCodes() {
  const granted = new Map<string, Granted>()
  return {
    /** Signs in whom `login_hint` names, `user` or `guest`, without a page. @returns where to send the browser */
    authorize(query: Form): string {
      const clientId = readField(query, 'client_id')
      const redirectUri = readField(query, 'redirect_uri')
      const app = applications.find((known) => known.clientId === clientId)
      if (app?.signIn?.redirectUri.test(redirectUri) !== true) {
        throw new EntraError(
          400,
          'invalid_request',
          50011,
          `The redirect URI '${redirectUri}' does not match those of the application '${clientId}'.`,
        )
      }
      if (readField(query, 'response_type') !== 'code' || readField(query, 'code_challenge_method') !== 'S256') {
        throw new EntraError(400, 'invalid_request', 9002325, 'Proof Key for Code Exchange (S256) is required.')
      }
      const code = randomBytes(24).toString('base64url')
      const as = readOptionalField(query, 'login_hint') === 'guest' ? 'guest' : 'user'
      granted.set(code, { clientId, redirectUri, challenge: readField(query, 'code_challenge'), as })
      const target = new URL(redirectUri)
      target.searchParams.set('code', code)
      const state = readOptionalField(query, 'state')
      if (state !== undefined) target.searchParams.set('state', state)
      return target.href
    },
    take(code: string): Granted | undefined {
      const grant = granted.get(code)
      granted.delete(code)
      return grant
    },
  }
}

export type AuthorizationCodes = ReturnType<typeof createAuthorizationCodes>
