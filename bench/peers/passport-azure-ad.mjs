// Microsoft's own strategy, deprecated and without a successor, as its README wires it; it logs nothing but errors.
import express from 'express'
import passport from 'passport'
import { BearerStrategy } from 'passport-azure-ad'
import { reportServer } from '../child.ts'
import { ANSWER, PATH } from '../servers/answer.ts'
import { settings } from './settings.mjs'

const options = {
  identityMetadata: settings.metadataUrl,
  clientID: settings.audience,
  audience: settings.audience,
  issuer: settings.issuer,
  validateIssuer: true,
  passReqToCallback: false,
  loggingLevel: 'error',
}
passport.use(new BearerStrategy(options, (token, done) => done(null, { id: token.oid }, token)))

const app = express()
app.use(passport.initialize())
app.get(PATH, passport.authenticate('oauth-bearer', { session: false }), (_request, response) => response.json(ANSWER))
const server = app.listen(0, '127.0.0.1', () => reportServer(server.address().port))
