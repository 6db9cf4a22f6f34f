/** Calls the API as an application of an Azure AD B2C tenant, with a secret, or with a certificate by `--certificate`. */
import { ConfidentialClientApplication } from '@azure/msal-node'
import { callApi, variable } from './call-api.ts'
import { readCertificate } from './certificate.ts'

const name = variable('B2C_TENANT_NAME')
const host = process.env['B2C_AUTHORITY_HOST'] ?? `https://${name}.b2clogin.com`
const [policy] = variable('B2C_POLICY').split(',')
const proof = process.argv.includes('--certificate')
  ? { clientCertificate: readCertificate(variable('B2C_CALLER_CERTIFICATE_FILE')) }
  : { clientSecret: variable('B2C_CALLER_CLIENT_SECRET') }
const app = new ConfidentialClientApplication({
  auth: {
    clientId: variable('B2C_CALLER_CLIENT_ID'),
    authority: `${host}/${name}.onmicrosoft.com/${policy}`,
    knownAuthorities: [new URL(host).host],
    ...proof,
  },
})
const token = await app.acquireTokenByClientCredential({ scopes: [variable('B2C_CALLER_SCOPE')] })
await callApi(token?.accessToken)
