import { findPerson } from '../directory.ts'
import type { AuthenticatedClient } from './client-authentication.ts'
import { EntraError } from './errors.ts'
import { type Form, readField } from './form.ts'
import type { Issuers, Tokens } from './tokens.ts'

export interface OnBehalfOfParts {
  issuers: Issuers
  tokens: Tokens
  /** Object ids of people who consented to what this API does for them, besides those who need not. */
  consents: ReadonlySet<string>
}

/** 'OAuth 2.0 On-Behalf-Of flow', Microsoft Learn. */
export async function grantOnBehalfOf(
  { app }: AuthenticatedClient,
  form: Form,
  { issuers, tokens, consents }: OnBehalfOfParts,
): Promise<string> {
  if (readField(form, 'requested_token_use') !== 'on_behalf_of') {
    throw new EntraError(400, 'invalid_request', 900144, "The parameter 'requested_token_use' must be on_behalf_of.")
  }
  const claims = await issuers.v2.verify(readField(form, 'assertion'), app.clientId).catch((error) => {
    throw new EntraError(
      400,
      'invalid_grant',
      50013,
      `Assertion failed signature validation. [Reason - ${String(error)}]`,
    )
  })
  const person = findPerson(claims['oid'])
  if (claims['idtyp'] === 'app' || person === undefined) {
    throw new EntraError(
      400,
      'invalid_grant',
      50013,
      'Assertion is not of a user: app-only tokens cannot be exchanged.',
    )
  }
  if (person.needs === 'consent' && !consents.has(person.objectId)) {
    throw new EntraError(
      400,
      'invalid_grant',
      65001,
      `The user or administrator has not consented to use the application with ID '${app.clientId}'.`,
      { suberror: 'consent_required' },
    )
  }
  if (person.needs === 'mfa' && !String(claims['amr']).includes('mfa')) {
    const required = {
      access_token: { capolids: { essential: true, values: ['4e05f6a7-a2b3-44c4-95d7-f26374859607'] } },
    }
    throw new EntraError(
      400,
      'interaction_required',
      50076,
      'Due to a configuration change made by your administrator, you must use multi-factor authentication.',
      { suberror: 'basic_action', claims: JSON.stringify(required) },
    )
  }
  return await tokens.forGraphAsUser(app, person)
}
