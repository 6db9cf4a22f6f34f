/** Calls the API as an application of Entra that proves itself with a client secret. Environment: see docs/calling.md. */
import { ConfidentialClientApplication } from '@azure/msal-node'
import { callApi, variable } from './call-api.ts'

const host = process.env['ENTRA_AUTHORITY_HOST'] ?? 'https://login.microsoftonline.com'
const app = new ConfidentialClientApplication({
  auth: {
    clientId: variable('CALLER_CLIENT_ID'),
    clientSecret: variable('CALLER_CLIENT_SECRET'),
    authority: `${host}/${variable('ENTRA_TENANT_ID')}`,
    knownAuthorities: [new URL(host).host],
  },
})
// `/.default`: every app role that was granted. Single scopes such as user_impersonation are for users.
const token = await app.acquireTokenByClientCredential({ scopes: [variable('CALLER_SCOPE')] })
await callApi(token?.accessToken)
