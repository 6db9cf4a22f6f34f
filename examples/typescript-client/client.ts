/**
 * A client whose paths, bodies, answers and errors are typed by openapi.json: `api.ts` is generated from it. Yours needs
 * `openapi-fetch`, and `openapi-typescript <API>/openapi.json -o api.ts`.
 */
import createClient, { type Client } from 'openapi-fetch'
import type { paths } from './api.ts'

/** @param getToken an access token for the API, such as MSAL's `acquireTokenByClientCredential` keeps and renews */
export function createCodesClient(baseUrl: string, getToken: () => Promise<string>): Client<paths> {
  const client = createClient<paths>({ baseUrl })
  client.use({
    async onRequest({ request }) {
      request.headers.set('authorization', `Bearer ${await getToken()}`)
      return request
    },
  })
  return client
}
