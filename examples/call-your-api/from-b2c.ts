/** Calls the API as an application of an Azure AD B2C tenant. The token endpoint is the policy's. */
import { callApi, variable } from './call-api.ts'

const name = variable('B2C_TENANT_NAME')
const host = process.env['B2C_AUTHORITY_HOST'] ?? `https://${name}.b2clogin.com`
const policy = variable('B2C_POLICY').split(',')[0]
const response = await fetch(`${host}/${name}.onmicrosoft.com/${policy}/oauth2/v2.0/token`, {
  method: 'POST',
  body: new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: variable('B2C_CALLER_CLIENT_ID'),
    client_secret: variable('B2C_CALLER_CLIENT_SECRET'),
    scope: variable('B2C_CALLER_SCOPE'),
  }),
})
const { access_token: token, error_description: fault } = Object(await response.json())
if (token === undefined) throw new Error(fault)
await callApi(token)
