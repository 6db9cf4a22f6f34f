import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { codesRoutes } from './codes.ts'
import { answerErrorPage, answerNotFoundPage } from './error-page.ts'
import { personRoute } from './person.ts'
import { sessionRoutes } from './session.ts'

interface SignInRoutesOptions {
  /** The origin that people open. */
  origin: string
  codeLifetimeSeconds: number
}

/** The web application: people sign in, see who they are, get codes and check them. */
const signInRoutes: FastifyPluginAsync<SignInRoutesOptions> = async (app, options) => {
  app.setErrorHandler(answerErrorPage)
  app.setNotFoundHandler(answerNotFoundPage)
  await app.register(sessionRoutes, options)
  await app.register(personRoute)
  await app.register(codesRoutes, options)
}

export default fp(signInRoutes, {
  name: 'route-sign-in',
  encapsulate: true,
  dependencies: [
    'sign-in',
    'sessions',
    'entra-auth',
    'graph',
    'number-api',
    'storage-queue',
    'codes-table',
    'guess-limit',
    'request-log',
    'observed-calls',
  ],
})
