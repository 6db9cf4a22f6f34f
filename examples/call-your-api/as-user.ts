/** Calls the API for a person: authorization code with PKCE, through the browser and a listener on this machine. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import { CryptoProvider, PublicClientApplication } from '@azure/msal-node'
import { callApi, variable } from './call-api.ts'

const host = process.env['ENTRA_AUTHORITY_HOST'] ?? 'https://login.microsoftonline.com'
const authority = `${host}/${variable('ENTRA_TENANT_ID')}`
const auth = { clientId: variable('CONSOLE_CLIENT_ID'), authority, knownAuthorities: [new URL(host).host] }
const app = new PublicClientApplication({ auth })
const scopes = [variable('CALLER_SCOPE').replace('.default', 'user_impersonation')]

const listener = createServer().listen(0, '127.0.0.1')
await once(listener, 'listening')
const redirectUri = `http://localhost:${Object(listener.address()).port}`
const crypto = new CryptoProvider()
const { verifier, challenge } = await crypto.generatePkceCodes()
const state = crypto.createNewGuid()
const pkce = { codeChallenge: challenge, codeChallengeMethod: 'S256' }
const link = await app.getAuthCodeUrl({ scopes, redirectUri, state, responseMode: 'query', ...pkce })

// The local cloud signs a person in without a page, so that following the link is enough.
if (process.env['LOCAL_CLOUD_CA_FILE'] === undefined) process.stderr.write(`Open this link to sign in:\n${link}\n`)
else fetch(link).catch(() => undefined)

const [request, response] = await once(listener, 'request')
const answer = new URL(request.url, redirectUri).searchParams
response.end('You can close this page.')
listener.close()
const code = answer.get('code')
if (code === null || answer.get('state') !== state) throw new Error(`not signed in: ${answer.get('error_description')}`)
const token = await app.acquireTokenByCode({ scopes, redirectUri, code, codeVerifier: verifier })
await callApi(token.accessToken)
