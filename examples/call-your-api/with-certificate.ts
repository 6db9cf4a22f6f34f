/** Calls the API as an application of Entra that proves itself with a certificate: better than a secret in production. */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { ConfidentialClientApplication } from '@azure/msal-node'
import { callApi, variable } from './call-api.ts'

const host = process.env['ENTRA_AUTHORITY_HOST'] ?? 'https://login.microsoftonline.com'
/** PEM with the private key in front of the certificate. */
const pem = readFileSync(variable('CALLER_CERTIFICATE_FILE'), 'utf8')
const certificateAt = pem.indexOf('-----BEGIN CERTIFICATE-----')
const app = new ConfidentialClientApplication({
  auth: {
    clientId: variable('CALLER_CLIENT_ID'),
    clientCertificate: {
      privateKey: pem.slice(0, certificateAt),
      thumbprintSha256: new X509Certificate(pem.slice(certificateAt)).fingerprint256.replaceAll(':', ''),
    },
    authority: `${host}/${variable('ENTRA_TENANT_ID')}`,
    knownAuthorities: [new URL(host).host],
  },
})
const token = await app.acquireTokenByClientCredential({ scopes: [variable('CALLER_SCOPE')] })
await callApi(token?.accessToken)
