/** Calls the API as an application of Entra that proves itself with a certificate: better than a secret in production. */
import { ConfidentialClientApplication } from '@azure/msal-node'
import { callApi, variable } from './call-api.ts'
import { readCertificate } from './certificate.ts'

const host = process.env['ENTRA_AUTHORITY_HOST'] ?? 'https://login.microsoftonline.com'
const app = new ConfidentialClientApplication({
  auth: {
    clientId: variable('CALLER_CLIENT_ID'),
    clientCertificate: readCertificate(variable('CALLER_CERTIFICATE_FILE')),
    authority: `${host}/${variable('ENTRA_TENANT_ID')}`,
    knownAuthorities: [new URL(host).host],
  },
})
const token = await app.acquireTokenByClientCredential({ scopes: [variable('CALLER_SCOPE')] })
await callApi(token?.accessToken)
