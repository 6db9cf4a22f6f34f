import assert from 'node:assert/strict'
import { test } from 'node:test'
import { api } from '../../local-cloud/directory.ts'
import { createManifest } from '../../src/registration/manifest.ts'
import { createNameUuid } from '../../src/registration/name-uuid.ts'
import { policies } from '../../src/routes/policies.ts'

test('makes the UUID of the example in RFC 9562, appendix A.4', () => {
  const dns = '6ba7b810-9dad-11d1-80b4-00c04fd430c8'
  assert.equal(createNameUuid(dns, 'www.example.com'), '2ed6657d-e927-568b-95e1-2665a8aea6a2')
})

test('ids of roles and scopes never change: assignments and consents refer to them', () => {
  const { appRoles, api: exposed } = createManifest(policies)
  assert.deepEqual(
    [...appRoles, ...exposed.oauth2PermissionScopes].map(({ value, id }) => [value, id]),
    [
      ['Codes.Issue', '2345eaeb-9ee4-5d08-9f73-1ca2177bf522'],
      ['Codes.Verify', 'ba0f5c5d-b937-5ebf-9c87-ef890e7fc674'],
      ['Graph.Hello', 'f6b25382-8700-5cdd-8e5f-5d472f22e915'],
      ['user_impersonation', 'adc0e2ac-5c4f-562d-a126-f33a4d6d9fc9'],
    ],
  )
})

test('has every role and scope that a route asks for once, and says what it opens', () => {
  const manifest = createManifest({
    'GET /a': { roles: ['A', 'B'], scopes: ['read'] },
    'GET /b': { roles: ['B'], scopes: ['read'] },
  })
  assert.deepEqual(
    manifest.appRoles.map(({ value, description }) => [value, description]),
    [
      ['A', 'Call GET /a'],
      ['B', 'Call GET /a, GET /b'],
    ],
  )
  assert.equal(manifest.api.oauth2PermissionScopes.length, 1)
  assert.equal(manifest.api.requestedAccessTokenVersion, 2)
})

test('the local cloud knows the same roles', () => {
  assert.deepEqual(
    createManifest(policies).appRoles.map(({ value }) => value),
    api.appRoles,
  )
})
