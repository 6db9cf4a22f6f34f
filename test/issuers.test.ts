import assert from 'node:assert/strict'
import { test } from 'node:test'
import { loadCallersConfig } from '../src/config.ts'
import { listIssuers } from '../src/issuers.ts'

const clientId = '6b29fc40-ca47-4067-b31d-00dd010662da'
const tenantId = '3f2504e0-4f89-41d3-9a0c-0305e82c3301'
const callers = (env: Record<string, string>) =>
  listIssuers(loadCallersConfig({ ENTRA_API_CLIENT_ID: clientId, ENTRA_TENANT_ID: tenantId, ...env }))

test('an authority host of ciamlogin.com is an External ID tenant, whose customers are no guests', () => {
  const authorityHost = 'https://contoso.ciamlogin.com'
  const api = { clientId, audiences: [], authorityHost }
  assert.deepEqual(callers({ ENTRA_AUTHORITY_HOST: authorityHost }), [
    { kind: 'external-id', tenantName: 'contoso', tenantId, ...api },
  ])
  for (const other of ['https://login.microsoftonline.us', 'https://contoso.ciamlogin.com.evil.example']) {
    assert.equal(callers({ ENTRA_AUTHORITY_HOST: other })[0]?.kind, 'entra', other)
  }
})
