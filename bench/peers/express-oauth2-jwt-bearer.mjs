// Auth0's middleware for Express, as its README wires it.
import express from 'express'
import { auth } from 'express-oauth2-jwt-bearer'
import { reportServer } from '../child.ts'
import { ANSWER, PATH } from '../servers/answer.ts'
import { settings } from './settings.mjs'

const { issuer, audience, jwksUri } = settings

const app = express()
app.get(PATH, auth({ issuer, audience, jwksUri }), (_request, response) => response.json(ANSWER))
const server = app.listen(0, '127.0.0.1', () => reportServer(server.address().port))
