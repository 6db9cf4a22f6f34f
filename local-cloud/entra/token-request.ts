import type { Form } from './form.ts'

export interface TokenRequest {
  form: Form
  authorization: string | undefined
  /** The page that asks, when a browser does. */
  origin: string | undefined
  tenantId: string
  tokenEndpoint: string
}

/** What a token request gets besides the access token. */
export interface TokenAnswer {
  access_token: string
  id_token?: string
  refresh_token?: string
  scope?: string
  client_info?: string
}
