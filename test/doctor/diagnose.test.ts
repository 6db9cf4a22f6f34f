import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { diagnose } from '../../src/doctor/diagnose.ts'
import { formatReport } from '../../src/doctor/report.ts'
import { readIssuerOptions } from '../../src/plugins/entra-auth/issuer-options.ts'
import { createTrustedIssuer } from '../../src/plugins/entra-auth/trusted-issuer.ts'
import { createTestAuthority, type TokenOptions } from '../../src/testing/index.ts'
import type { TestIssuer } from '../../src/testing/token-claims.ts'

const authority = createTestAuthority()
const { identities: id } = authority
const policies = { 'GET /codes': { roles: ['Codes.Issue'], scopes: ['user_impersonation'] } }
const rules = { allowedClientIds: new Set<string>(), allowGuests: false }

async function examine(text: string, trusted: TestIssuer[] = ['v2', 'b2c'], from = authority) {
  const { issuers: options, fetchJson, now = Date.now } = from.authOptions(trusted)
  assert.ok(fetchJson)
  const issuers = readIssuerOptions(options).map((settings) =>
    createTrustedIssuer({ settings, fetchJson, onFailure: () => undefined, now }),
  )
  const diagnosis = await diagnose(text, { issuers, policies, rules, nowMs: now() })
  for (const issuer of issuers) issuer.stop()
  return { ...diagnosis, report: formatReport(diagnosis) }
}

const app = (changes: TokenOptions = {}) => authority.token({ roles: ['Codes.Issue'], ...changes })
const changed = (claims: NonNullable<TokenOptions['claims']>) => app({ claims })

/** [what is wrong, the token, the rule that must fail, what the advice must say, rules that must pass all the same] */
const broken: Array<[what: string, token: () => string, rule: string, advice: RegExp, passes?: string[]]> = [
  [
    'a token for Graph',
    () => changed({ aud: 'https://graph.microsoft.com' }),
    'Audience',
    /for Microsoft Graph.*\/\.default/,
    ['Signature'],
  ],
  [
    'a token for Graph, by its client id',
    () => changed({ aud: '00000003-0000-0000-c000-000000000000' }),
    'Audience',
    /for Microsoft Graph/,
  ],
  [
    'a token for another API',
    () => changed({ aud: 'api://other' }),
    'Audience',
    /scope api:\/\/.*ENTRA_API_AUDIENCES/,
    ['Times', 'Signature'],
  ],
  [
    'a v1.0 token',
    () => authority.token({ issuer: 'v1', roles: ['Codes.Issue'] }),
    'Issuer and key',
    /requestedAccessTokenVersion to 2/,
    ['Audience', 'Times'],
  ],
  [
    "another tenant's token",
    () => changed({ iss: `https://login.microsoftonline.com/${id.otherTenantId}/v2.0` }),
    'Issuer and key',
    /ENTRA_TENANT_ID/,
  ],
  ['an expired token', () => changed({ exp: 1_700_000_000 }), 'Times', /Get a new token/, ['Signature', 'Audience']],
  ['a token of tomorrow', () => changed({ nbf: 4_000_000_000 }), 'Times', /clock/],
  ['an ID token', () => changed({ nonce: 'n' }), 'Kind of token', /access_token.*not its id_token/, ['Signature']],
  [
    'an app without the role',
    () => app({ roles: [] }),
    'GET /codes',
    /application permission and grant admin consent/,
    ['Signature', 'Audience', 'Kind of token'],
  ],
  [
    'a user without the scope',
    () => authority.token({ caller: 'user', scopes: ['other'] }),
    'GET /codes',
    /user_impersonation/,
  ],
  [
    'a guest',
    () => authority.token({ caller: 'guest', scopes: ['user_impersonation'] }),
    'GET /codes',
    /ENTRA_ALLOW_GUESTS/,
  ],
  [
    'a B2C policy that is not trusted',
    () =>
      authority.token({ issuer: 'b2c', caller: 'user', scopes: ['user_impersonation'], claims: { tfp: 'B2C_1_x' } }),
    'B2C policy',
    /B2C_POLICY/,
  ],
  ['a B2C app without the role', () => authority.token({ issuer: 'b2c' }), 'GET /codes', /role arrives in scp/],
  ['a changed token', () => tampered(), 'Signature', /send it unchanged/],
  ['a key of nobody', () => app({ header: { kid: 'unknown' } }), 'Issuer and key', /new token/, ['Audience']],
  ['alg none', () => app({ header: { alg: 'none' } }), 'Form', /RS256/],
  ['half a token', () => app().slice(0, 100), 'Form', /whole/],
  ['an opaque token', () => 'EwBAA8l6BAAU', 'Form', /Opaque/],
  ['no sub', () => changed({ sub: undefined }), 'Subject', /from Entra/],
]

describe('the doctor finds', () => {
  for (const [what, token, rule, advice, passes = []] of broken) {
    test(`${what}: ${rule}`, async () => {
      const text = token()
      const { findings, report } = await examine(text)
      const found = findings.find((finding) => finding.rule === rule)
      assert.equal(found?.outcome, 'fail', report)
      assert.match(found?.advice ?? '', advice)
      for (const name of passes)
        assert.equal(findings.find((finding) => finding.rule === name)?.outcome, 'pass', `${name}\n${report}`)
      assert.ok(!report.includes(text.split('.')[2] ?? 'never'), 'the signature is not printed')
      assert.ok(report.includes(found?.detail ?? 'never') && !report.includes('is accepted and opens GET'), report)
    })
  }

  test('nothing wrong with a good token, and says what it opens', async () => {
    for (const token of [
      app(),
      authority.token({ caller: 'user', scopes: ['user_impersonation'] }),
      app({ issuer: 'b2c' }),
    ]) {
      const { findings, report, isSignatureChecked } = await examine(token)
      assert.ok(isSignatureChecked && findings.every(({ outcome }) => outcome === 'pass'), report)
      assert.match(report, /is accepted and opens GET \/codes\. The signature was checked\./)
    }
  })

  test('nothing wrong with a token of one of several tenants', async () => {
    const { findings, report } = await examine(app({ issuer: 'multi-tenant' }), ['multi-tenant'])
    assert.ok(
      findings.some(({ rule }) => rule === 'Tenant') && findings.every(({ outcome }) => outcome === 'pass'),
      report,
    )
  })

  test('what it can without the keys, and says that the signature was not checked', async () => {
    const cut = createTestAuthority()
    cut.goDown('v2')
    const { findings, report, isSignatureChecked } = await examine(
      cut.token({ roles: ['Codes.Issue'], claims: { aud: 'x' } }),
      ['v2'],
      cut,
    )
    assert.equal(isSignatureChecked, false)
    assert.equal(findings.find(({ rule }) => rule === 'Signature')?.outcome, 'not checked')
    assert.equal(findings.find(({ rule }) => rule === 'Audience')?.outcome, 'fail')
    assert.match(report, /The signature was NOT checked/)
  })

  test('the missing role of a token from the wrong issuer too, so that one round of changes is enough', async () => {
    const { findings, report } = await examine(authority.token({ issuer: 'v1' }))
    const failed = findings.filter(({ outcome }) => outcome === 'fail').map(({ rule }) => rule)
    assert.deepEqual(failed, ['Issuer and key', 'GET /codes'], report)
  })

  test('a tenant that is not allowed', async () => {
    const claims = { tid: id.otherTenantId, iss: `https://login.microsoftonline.com/${id.otherTenantId}/v2.0` }
    const { findings } = await examine(app({ issuer: 'multi-tenant', claims }), ['multi-tenant'])
    assert.deepEqual(
      findings.filter(({ outcome }) => outcome === 'fail').map(({ rule }) => rule),
      ['Tenant'],
    )
  })
})

function tampered(): string {
  const [header, payload = '', signature] = app({ roles: [] }).split('.')
  const claims = { ...JSON.parse(Buffer.from(payload, 'base64url').toString()), roles: ['Codes.Issue'] }
  return [header, Buffer.from(JSON.stringify(claims)).toString('base64url'), signature].join('.')
}
