import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { decodeJwt } from 'jose'
import { consoleApp, tenant, webApp } from '../../local-cloud/directory.ts'
import { startCloud } from '../helpers/cloud.ts'

const cloud = await startCloud()
const base = `${cloud.origins.entra}/${tenant.id}/oauth2/v2.0`
const asBrowser = { redirect: 'manual', headers: { accept: 'text/html' } } as const
const query = {
  client_id: webApp.clientId,
  redirect_uri: 'http://127.0.0.1:1234/app/redirect',
  response_type: 'code',
  code_challenge_method: 'S256',
  code_challenge: createHash('sha256').update('verifier').digest('base64url'),
  scope: 'api://codes/user_impersonation openid',
  state: 's',
}
const authorize = (changes: Record<string, string> = {}, options: RequestInit = asBrowser) =>
  fetch(`${base}/authorize?${new URLSearchParams({ ...query, ...changes })}`, options)
const decide = (form: Record<string, string>) =>
  fetch(`${cloud.origins.entra}/local-cloud/sign-in`, {
    method: 'POST',
    redirect: 'manual',
    body: new URLSearchParams({ ...query, ...form }),
  })
const answerOf = (response: Response) => new URL(response.headers.get('location') ?? '').searchParams

test('a browser chooses a person and consents once to each application; declining is answered as Entra does', async () => {
  const choice = await (await authorize()).text()
  for (const name of ['Uma User', 'Cleo Colleague', 'Gus Guest']) assert.ok(choice.includes(name), name)
  assert.match(await (await decide({ person: 'colleague' })).text(), /Permissions requested[\s\S]*Cleo Colleague/)
  const declined = answerOf(await decide({ person: 'colleague', decision: 'decline' }))
  assert.deepEqual([declined.get('error'), declined.get('state')], ['access_denied', 's'])
  assert.match(declined.get('error_description') ?? '', /^AADSTS65004/)
  assert.ok(answerOf(await decide({ person: 'colleague', decision: 'accept' })).get('code'))
  assert.ok(answerOf(await decide({ person: 'colleague' })).get('code'), 'and is not asked again')
  assert.match(await (await decide({ person: 'colleague', prompt: 'consent' })).text(), /Permissions requested/)
})

test('what an application says of itself is shown as text', async () => {
  const page = await (await authorize({ state: '"><script>alert(1)</script>' })).text()
  assert.doesNotMatch(page, /<script>/)
})

test('nothing is answered to an address that is not registered', async () => {
  for (const redirect_uri of [
    'https://evil.example/app/redirect',
    'http://127.0.0.1:1234/app/other',
    'http://localhost.evil.example/app/redirect',
  ]) {
    assert.equal((await authorize({ redirect_uri })).status, 400)
    assert.equal((await decide({ redirect_uri, person: 'user', decision: 'accept' })).status, 400)
  }
})

test('a program is signed in at once, and its refresh token is good until it is revoked', async () => {
  const redirect_uri = 'http://localhost:1234'
  const program = { client_id: consoleApp.clientId, redirect_uri, nonce: 'n' }
  const answer = answerOf(await authorize({ ...program, login_hint: 'guest' }, { redirect: 'manual' }))
  const ask = async (form: Record<string, string>) => {
    const body = new URLSearchParams({ client_id: consoleApp.clientId, ...form })
    return Object(await (await fetch(`${base}/token`, { method: 'POST', body })).json())
  }
  const code = answer.get('code') ?? ''
  const tokens = await ask({ grant_type: 'authorization_code', code, redirect_uri, code_verifier: 'verifier' })
  const { aud, nonce, name } = decodeJwt(tokens.id_token)
  assert.deepEqual([aud, nonce, name], [consoleApp.clientId, 'n', 'Gus Guest'])
  const refresh = { grant_type: 'refresh_token', refresh_token: tokens.refresh_token }
  assert.equal(decodeJwt((await ask(refresh)).access_token)['name'], 'Gus Guest')
  cloud.revokeRefreshTokens()
  assert.equal((await ask(refresh)).error, 'invalid_grant')
})

test('signing out tells the applications of that browser, and goes back to this machine alone', async () => {
  const signedIn = await decide({ person: 'user', decision: 'accept' })
  const cookie = signedIn.headers.get('set-cookie')?.split(';')[0] ?? ''
  const signOut = async (backTo: string) =>
    await (
      await fetch(`${base}/logout?post_logout_redirect_uri=${encodeURIComponent(backTo)}`, { headers: { cookie } })
    ).text()
  const page = await signOut('http://127.0.0.1:1234/app/signed-out')
  assert.match(page, /<iframe [^>]*src="http:\/\/127\.0\.0\.1:1234\/app\/front-channel-sign-out\?sid=[\w-]+"/)
  assert.match(page, /url=http:\/\/127\.0\.0\.1:1234\/app\/signed-out/)
  const again = await signOut('https://evil.example/')
  assert.doesNotMatch(again, /iframe title|evil/)
})
