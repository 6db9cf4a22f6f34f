import assert from 'node:assert/strict'
import { after, afterEach, describe, test } from 'node:test'
import { b2c, b2cWebApp, b2cWebSecretName, externalId, externalWebApp } from '../../local-cloud/directory.ts'
import { createCredential } from '../../src/azure/credential.ts'
import { createStorageTable } from '../../src/azure/storage-table.ts'
import { startApp } from '../helpers/app.ts'
import { startCloud } from '../helpers/cloud.ts'
import { openVisitor, type Visitor, WEB_ORIGIN } from '../helpers/visitor.ts'
import { startWorker } from '../helpers/worker.ts'

const cloud = await startCloud()
const app = await startApp({ after }, cloud, { WEB_ORIGIN })
await startWorker({ after }, cloud)
const table = createStorageTable({ url: cloud.storage.sessionsTableUrl, credential: createCredential() })
afterEach(() => cloud.faults.clear())

async function signedIn(...who: Parameters<Visitor['signIn']>): Promise<Visitor> {
  const visitor = openVisitor(app)
  const response = await visitor.signIn(...who)
  assert.equal(response.statusCode, 303, response.body)
  return visitor
}

const codeOn = (body: string) => /class="big code">([^<]+)</.exec(body)?.[1] ?? ''
const assertSignedOut = async (visitor: Visitor) =>
  assert.match((await visitor.get('/app')).body, /Sign in with Microsoft/)

describe('a person who signs in', () => {
  test('is greeted by Microsoft Graph, with a token that the API itself accepts', async () => {
    const visitor = openVisitor(app)
    assert.match((await visitor.get('/')).body, /href="\/app"[^>]*>Sign in</)
    const response = await visitor.signIn()
    assert.deepEqual([response.statusCode, response.headers.location], [303, '/app'])
    const { body, headers } = await visitor.get('/app')
    assert.match(body, /<h1>Uma User<\/h1>/)
    assert.match(body, /uma@local\.example/)
    assert.match(body, /user_impersonation/)
    assert.equal(headers['cache-control'], 'no-store')
    assert.doesNotMatch(String(headers['content-security-policy']), /unsafe/)
  })

  test('gets a code that counts down, is valid once, and then used', async () => {
    const visitor = await signedIn()
    const { body } = await visitor.submit('/app/codes')
    const code = codeOn(body)
    assert.match(code, /^[A-Za-z]{3}-\d+-[A-Za-z]{3}$/)
    assert.match(body, /data-seconds="(?:600|59\d)">(?:10:00|9:5\d)</)
    assert.match((await visitor.get('/app/countdown.js')).body, /remaining/)
    assert.match((await visitor.submit('/app/codes/check', { code: ` ${code} ` })).body, /Valid\. /)
    assert.match((await visitor.get('/app/codes')).body, /class="state bad">Used</)
    assert.match((await visitor.submit('/app/codes/check', { code })).body, /Used\. /)
    assert.match((await visitor.submit('/app/codes/check', { code: 'ABC-1-DEF' })).body, /Not valid: unknown/)
    assert.doesNotMatch((await visitor.get('/app/codes')).body, /role="status"/)
  })

  test('is not told of the codes of others', async () => {
    const [owner, other] = [await signedIn(), await signedIn('colleague')]
    const code = codeOn((await owner.submit('/app/codes')).body)
    await owner.submit('/app/codes/check', { code })
    assert.match((await other.submit('/app/codes/check', { code })).body, /Not valid: unknown/)
  })

  test('cannot try codes without end', async () => {
    const visitor = await signedIn('multiFactor')
    const _csrf = await visitor.readToken()
    const guess = () => visitor.post('/app/codes/check', { _csrf, code: 'ABC-1-DEF' })
    for (let round = 0; round < 5; round += 1) await Promise.all(Array.from({ length: 20 }, guess))
    const refused = await guess()
    assert.equal(refused.statusCode, 429)
    assert.match(refused.body, /Wait \d+ s/)
    assert.ok(Number(refused.headers['retry-after']) > 0)
  })

  test('comes back to the page of this application that they asked for, and to no other', async () => {
    const asked: Array<[to: string, from: string]> = [
      ['/app/codes', '/app/codes'],
      ['https://evil.example/app', '/app'],
      ['//evil.example/app', '/app'],
      ['/\\evil.example', '/app'],
      ['/app/..//evil.example', '/app'],
      ['javascript:alert(1)', '/app'],
    ]
    for (const [to, expected] of asked) {
      const { statusCode, headers } = await openVisitor(app).signIn('user', { to })
      assert.deepEqual([statusCode, headers.location], [303, expected], to)
    }
  })

  test('is sent to the host that the cookie is for, whatever name of it was opened', async () => {
    const response = await app.inject({ url: '/app/sign-in?to=/app/codes', headers: { host: '127.0.0.1' } })
    assert.equal(response.headers.location, `${WEB_ORIGIN}/app/sign-in?to=%2Fapp%2Fcodes&moved=1`)
  })

  test('is nobody else: two at once see themselves', async () => {
    const [uma, cleo] = await Promise.all([signedIn('user'), signedIn('colleague')])
    const pages = await Promise.all([uma, cleo, uma, cleo].map(async (visitor) => (await visitor.get('/app')).body))
    for (const [i, name] of ['Uma User', 'Cleo Colleague', 'Uma User', 'Cleo Colleague'].entries()) {
      assert.ok(pages[i]?.includes(`<h1>${name}</h1>`), name)
    }
  })
})

describe('who is not let in', () => {
  test('a person who declines: says so, and offers to begin anew', async () => {
    const visitor = openVisitor(app)
    const response = await visitor.signIn('user', { decision: 'decline' })
    assert.equal(response.statusCode, 400)
    assert.match(response.body, /You declined/)
    await assertSignedOut(visitor)
  })

  test('a guest, as over the API', async () => {
    const visitor = openVisitor(app)
    const response = await visitor.signIn('guest')
    assert.equal(response.statusCode, 403)
    assert.match(response.body, /Guests of the tenant may not/)
    assert.equal(response.headers['www-authenticate'], undefined)
    await assertSignedOut(visitor)
  })

  test('an answer with a state that is forged, missing, or of another browser', async () => {
    const [visitor, other] = [openVisitor(app), openVisitor(app)]
    const answers = [
      (await visitor.askEntra()).replace(/state=[^&]+/, 'state=forged'),
      (await visitor.askEntra()).replace(/&?state=[^&]+/, ''),
      await other.askEntra('colleague'),
    ]
    for (const answer of answers) {
      const response = await visitor.get(answer)
      assert.equal(response.statusCode, 400, answer)
      assert.match(response.body, /cannot be finished/)
    }
    const stranger = openVisitor(app)
    assert.equal((await stranger.get(await visitor.askEntra())).statusCode, 400)
    for (const one of [visitor, stranger]) await assertSignedOut(one)
  })

  test('an answer that was used, also when it failed the first time, and with the cookie of that time', async () => {
    const visitor = openVisitor(app)
    const answer = await visitor.askEntra()
    const replayer = visitor.copy()
    assert.equal((await visitor.get(answer)).statusCode, 303)
    assert.equal((await visitor.get(answer)).statusCode, 400)
    assert.match((await visitor.get('/app')).body, /Uma User/, 'the session goes on')
    assert.equal((await replayer.get(answer)).statusCode, 400)

    const unlucky = openVisitor(app)
    const good = await unlucky.askEntra()
    const bad = await unlucky.get(good.replace(/code=[^&]+/, 'code=forged'))
    assert.equal(bad.statusCode, 400)
    assert.equal((await unlucky.get(good)).statusCode, 400)
  })

  test('an answer with the code of another sign-in, or to a request that was changed: PKCE and nonce belong together', async () => {
    const visitor = openVisitor(app)
    const code = /code=([^&]+)/.exec(await openVisitor(app).askEntra('colleague'))?.[1] ?? ''
    for (const other of [`code=${code}`, 'code=', 'none=']) {
      const answer = (await visitor.askEntra()).replace(/code=[^&]+/, other)
      assert.equal((await visitor.get(answer)).statusCode, 400, other)
    }
    await assertSignedOut(visitor)
    for (const [name, value] of [
      ['code_challenge', 'x'.repeat(43)],
      ['nonce', 'another'],
    ] as const) {
      const other = openVisitor(app)
      assert.match((await other.signIn('user', { changed: { [name]: value } })).body, /Begin anew/, name)
      await assertSignedOut(other)
    }
  })
})

describe('a session', () => {
  test('has another name after signing in, and the old one is worth nothing (session fixation)', async () => {
    const attacker = openVisitor(app)
    await attacker.get('/app/sign-in')
    const victim = attacker.copy()
    await victim.signIn()
    assert.match((await victim.get('/app')).body, /Uma User/)
    assert.notDeepEqual(victim.cookies, attacker.cookies)
    await assertSignedOut(attacker)
  })

  test('is not accepted with a name that was changed or not signed here', async () => {
    const visitor = await signedIn()
    const [[name, value] = ['', '']] = visitor.cookies
    const [id = '', signature = ''] = decodeURIComponent(value).split('.')
    const forged = `${id}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
    for (const cookie of [id, forged, `${id}x.${signature}`, `${id}.`, '.', 'x'.repeat(5_000)]) {
      const thief = openVisitor(app)
      thief.cookies.set(name, encodeURIComponent(cookie))
      await assertSignedOut(thief)
    }
    assert.match((await visitor.get('/app')).body, /Uma User/)
  })

  test('has a cookie that scripts and other sites do not get, and https alone outside this machine', async (t) => {
    const [cookie] = (await openVisitor(app).get('/app/sign-in')).cookies
    assert.deepEqual(
      [cookie?.name, cookie?.httpOnly, cookie?.sameSite, cookie?.secure, cookie?.path],
      ['fastify-entra', true, 'Lax', undefined, '/'],
    )
    const settings = { WEB_ORIGIN: 'https://codes.example', TRUST_PROXY: 'true' }
    const secure = await startApp(t, cloud, settings)
    const headers = { host: 'codes.example', 'x-forwarded-proto': 'https' }
    const [behindTls] = (await secure.inject({ url: '/app/sign-in', headers })).cookies
    assert.deepEqual([behindTls?.name, behindTls?.secure, behindTls?.domain], ['__Host-fastify-entra', true, undefined])
    const untrusted = await secure.inject({ url: '/app/sign-in', headers: { host: 'codes.example' } })
    assert.equal(untrusted.statusCode, 501)
    assert.match(untrusted.body, /TRUST_PROXY/)
  })

  test('keeps nothing readable in the table, and nothing in the cookie', async () => {
    const visitor = await signedIn()
    await visitor.submit('/app/codes')
    const { rowKey } = visitor
    const [cookie = ''] = visitor.cookies.values()
    const [id = ''] = decodeURIComponent(cookie).split('.')
    for (const partitionKey of ['session', 'tokens']) {
      const found = await table.find({ partitionKey, rowKey })
      const sealed = String(found?.properties['sealed'])
      const text = JSON.stringify(found) + Buffer.from(sealed.split('.')[1] ?? '', 'base64url').toString('latin1')
      for (const secret of ['Uma User', 'homeAccountId', 'RefreshToken', id]) assert.ok(!text.includes(secret), secret)
    }
    assert.match(id, /^[\w+/-]{32}$/)
  })

  test('is of no use in the place of another one (rows of the table exchanged)', async () => {
    for (const partitions of [['tokens'], ['session'], ['tokens', 'session']]) {
      const [uma, cleo] = [await signedIn('user'), await signedIn('colleague')]
      for (const partitionKey of partitions) {
        const own = await table.find({ partitionKey, rowKey: uma.rowKey })
        const changed = { partitionKey, rowKey: cleo.rowKey, sealed: String(own?.properties['sealed']) }
        assert.ok(await table.update(changed, '*'))
      }
      assert.doesNotMatch((await cleo.get('/app')).body, /Uma User/, partitions.join())
    }
  })

  test('is over when its time is, and says so', async () => {
    const visitor = await signedIn()
    const { rowKey } = visitor
    const _csrf = await visitor.readToken()
    await table.update({ partitionKey: 'session', rowKey, expiresAt: new Date(Date.now() - 1_000).toISOString() }, '*')
    assert.match((await visitor.get('/app')).body, /Your session ran out/)
    const posted = await visitor.post('/app/codes', { _csrf })
    assert.equal(posted.statusCode, 401)
    assert.match(posted.body, /Your session is over/)
  })

  test('ends on the server when the person signs out: its cookie is dead, and so are its tokens', async () => {
    const visitor = await signedIn()
    const stolen = visitor.copy()
    assert.match((await stolen.get('/app')).body, /Uma User/)
    const { rowKey } = visitor
    assert.ok(await table.find({ partitionKey: 'tokens', rowKey }))
    const response = await visitor.post('/app/sign-out', { _csrf: await visitor.readToken() })
    assert.equal(response.statusCode, 303)
    for (const partitionKey of ['session', 'tokens'])
      assert.equal(await table.find({ partitionKey, rowKey }), undefined)
    const target = new URL(String(response.headers.location))
    assert.equal(target.origin, cloud.origins.entra)
    assert.match(target.pathname, /\/oauth2\/v2\.0\/logout$/)
    assert.equal(target.searchParams.get('post_logout_redirect_uri'), `${WEB_ORIGIN}/app/signed-out`)
    assert.equal(target.searchParams.get('logout_hint'), 'uma@local.example')
    assert.equal(visitor.cookies.size, 0)
    await assertSignedOut(stolen)
    assert.match((await visitor.get('/app/signed-out')).body, /You are signed out/)
  })

  test('is not brought back by a request that was under way when it ended', async () => {
    const visitor = await signedIn()
    const _csrf = await visitor.readToken()
    const stolen = visitor.copy()
    cloud.faults.set('graph', { latencyMs: 700 })
    const slow = stolen.get('/app')
    await new Promise((resolve) => setTimeout(resolve, 200))
    await visitor.post('/app/sign-out', { _csrf })
    await slow
    cloud.faults.clear()
    await assertSignedOut(stolen)
  })

  test('is ended by Entra, when the person signs out there', async () => {
    const visitor = openVisitor(app)
    await visitor.signIn()
    const other = await signedIn('colleague')
    const [frame = ''] = await visitor.signOutAtEntra()
    const { pathname, search } = new URL(frame)
    const response = await app.inject(pathname + search)
    assert.equal(response.statusCode, 200)
    assert.match(
      String(response.headers['content-security-policy']),
      new RegExp(`frame-ancestors ${cloud.origins.entra}`),
    )
    await assertSignedOut(visitor)
    assert.match((await other.get('/app')).body, /Cleo/)
    assert.equal((await app.inject('/app/front-channel-sign-out')).statusCode, 200)
  })
})

describe('a form', () => {
  test('is accepted with the token of its own session alone (CSRF)', async () => {
    const [visitor, other] = [await signedIn(), await signedIn('colleague')]
    const foreign = await other.readToken()
    await visitor.get('/app/codes')
    for (const url of ['/app/codes', '/app/codes/check', '/app/sign-out']) {
      for (const form of [{}, { _csrf: '' }, { _csrf: 'forged' }, { _csrf: foreign }]) {
        const response = await visitor.post(url, { code: 'ABC-1-DEF', ...form })
        assert.equal(response.statusCode, 403, `${url} ${JSON.stringify(form)}`)
        assert.match(response.body, /This form is not accepted/)
      }
      const inQuery = await visitor.post(`${url}?_csrf=${await visitor.readToken()}`, { code: 'ABC-1-DEF' })
      assert.equal(inQuery.statusCode, 403)
    }
    assert.match((await visitor.get('/app/codes')).body, /You have none yet/)
  })

  test('without what it needs is refused as a page', async () => {
    const visitor = await signedIn()
    const response = await visitor.post('/app/codes/check', { _csrf: await visitor.readToken() })
    assert.equal(response.statusCode, 400)
    assert.match(String(response.headers['content-type']), /^text\/html/)
  })

  test('of nobody is not accepted', async () => {
    const response = await openVisitor(app).post('/app/codes', {})
    assert.equal(response.statusCode, 401)
    assert.match(response.body, /Sign in once more/)
  })
})

describe('when something is out of reach', () => {
  test('Microsoft Graph: says so, and codes are there all the same', async () => {
    const visitor = await signedIn()
    for (const [answer, status] of [
      [{ status: 500 }, 502],
      [{ status: 403 }, 502],
    ] as const) {
      cloud.faults.set('graph', { answer })
      const page = await visitor.get('/app')
      assert.equal(page.statusCode, status)
      assert.match(page.body, /<h1>Uma User<\/h1>[\s\S]*Microsoft Graph/)
    }
    assert.match(codeOn((await visitor.submit('/app/codes')).body), /-/)
  })

  test('consent for Graph: asks for it, and goes on when it is given', async () => {
    const visitor = await signedIn('unconsenting')
    const page = await visitor.get('/app')
    assert.equal(page.statusCode, 401)
    assert.match(page.body, /wants your consent[\s\S]*Go on at Microsoft/)
    await visitor.signIn('unconsenting')
    assert.match((await visitor.get('/app')).body, /nora@local\.example/)
  })

  test('a second factor: passes the demand on to the sign-in', async () => {
    const visitor = await signedIn('multiFactor')
    assert.match((await visitor.get('/app')).body, /Go on at Microsoft/)
    await visitor.signIn('multiFactor')
    assert.match((await visitor.get('/app')).body, /mia@local\.example/)
  })

  test('the number API: no code, why, and the one before stays', async () => {
    const visitor = await signedIn()
    const code = codeOn((await visitor.submit('/app/codes')).body)
    cloud.faults.set('numberApi', { answer: { status: 500 } })
    const failed = await visitor.submit('/app/codes')
    assert.equal(failed.statusCode, 502)
    assert.match(failed.body, /Could not get you a code/)
    assert.equal(codeOn(failed.body), code)
  })

  test('the queue: no code, and when to try again', async (t) => {
    const cut = await startApp(t, cloud, {
      WEB_ORIGIN,
      STORAGE_QUEUE_URL: 'https://localhost:9/devstoreaccount1/code-requests',
    })
    const visitor = openVisitor(cut)
    await visitor.signIn()
    const failed = await visitor.submit('/app/codes')
    assert.equal(failed.statusCode, 503)
    assert.ok(Number(failed.headers['retry-after']) > 0)
    assert.match(failed.body, /role="status"/)
  })

  test('the table of codes: the code is shown, and that nobody knows how it is', async (t) => {
    const cut = await startApp(t, cloud, { WEB_ORIGIN, CODES_TABLE_URL: 'https://localhost:9/devstoreaccount1/codes' })
    const visitor = openVisitor(cut)
    await visitor.signIn()
    const { body } = await visitor.submit('/app/codes')
    assert.match(codeOn(body), /-/)
    assert.match(body, /cannot be said/)
    assert.equal((await visitor.submit('/app/codes/check', { code: codeOn(body) })).statusCode, 503)
  })

  test('the worker: says that the code is not valid yet', async (t) => {
    const idle = await startApp(t, cloud, { WEB_ORIGIN, STORAGE_QUEUE_URL: `${cloud.storage.queueUrl}-poison` })
    const visitor = openVisitor(idle)
    await visitor.signIn()
    assert.match((await visitor.submit('/app/codes')).body, /Not valid yet/)
  })

  test('Entra: nobody can sign in, who is signed in stays so, and signing out ends the session here', async (t) => {
    const visitor = await signedIn()
    await visitor.get('/app')
    const _csrf = await visitor.readToken()
    const fresh = await startApp(t, cloud, { WEB_ORIGIN })
    const cut = openVisitor(fresh)
    const answer = await openVisitor(app).askEntra()
    cloud.faults.set('entra', { outage: true })
    const begun = await cut.get('/app/sign-in')
    assert.equal(begun.statusCode, 503)
    assert.match(begun.body, /Microsoft Entra cannot/)
    assert.ok(Number(begun.headers['retry-after']) > 0)
    assert.match((await visitor.get('/app')).body, /Uma User/)
    assert.equal((await openVisitor(app).get(answer)).statusCode, 400)
    for (const [name, value] of visitor.cookies) cut.cookies.set(name, value)
    const out = await cut.post('/app/sign-out', { _csrf })
    assert.equal(out.headers.location, '/app/signed-out?here=only')
    assert.match((await cut.get('/app/signed-out?here=only')).body, /close the browser/)
    await assertSignedOut(visitor)
  })

  test('Entra in the middle of a sign-in: 503', async () => {
    const visitor = openVisitor(app)
    const answer = await visitor.askEntra()
    cloud.faults.set('entra', { outage: true })
    assert.equal((await visitor.get(answer)).statusCode, 503)
  })

  test('the table of sessions: 503 as a page', async (t) => {
    const cut = await startApp(t, cloud, {
      WEB_ORIGIN,
      WEB_SESSIONS_TABLE_URL: 'https://localhost:9/devstoreaccount1/sessions',
    })
    const response = await openVisitor(cut).get('/app/sign-in')
    assert.equal(response.statusCode, 503)
    assert.match(response.body, /Sessions are out of reach/)
    assert.equal((await cut.inject('/app')).statusCode, 200)
  })

  test('the session key: 503 as a page, and it recovers', async (t) => {
    cloud.faults.set('keyVault', { outage: true })
    const cut = await startApp(t, cloud, { WEB_ORIGIN })
    assert.equal((await cut.inject('/app')).statusCode, 503)
    cloud.faults.clear()
    assert.equal((await openVisitor(cut).signIn()).statusCode, 303)
  })

  test('a page: 404 as a page, and 429 for who asks too often', async (t) => {
    const missing = await openVisitor(app).get('/app/nothing')
    assert.deepEqual([missing.statusCode, missing.headers['content-type']], [404, 'text/html; charset=utf-8'])
    const busy = await startApp(t, cloud, { WEB_ORIGIN, RATE_LIMIT_PER_MINUTE: '2' })
    for (const expected of [200, 200, 429]) assert.equal((await busy.inject('/app')).statusCode, expected)
  })
})

describe('tokens', () => {
  test('are refreshed when they are about to end, and a session is over when Entra says so', async (t) => {
    t.after(() => cloud.setTokenLifetime(3_599))
    cloud.setTokenLifetime(60)
    const visitor = await signedIn()
    const before = await table.find({ partitionKey: 'tokens', rowKey: visitor.rowKey })
    assert.match((await visitor.get('/app')).body, /Uma User/)
    const later = await table.find({ partitionKey: 'tokens', rowKey: visitor.rowKey })
    assert.notEqual(later?.properties['sealed'], before?.properties['sealed'])
    cloud.revokeRefreshTokens()
    const over = await visitor.get('/app')
    assert.equal(over.statusCode, 401)
    assert.match(over.body, /Sign in once more/)
    await assertSignedOut(visitor)
  })

  test('and sessions are shared by replicas, and open after the key was rotated', async (t) => {
    const key = cloud.secrets.get('web-session-key')?.value ?? ''
    t.after(() => cloud.secrets.set('web-session-key', key))
    const visitor = await signedIn()
    const other = await startApp(t, cloud, { WEB_ORIGIN })
    assert.match((await visitor.get('/app', other)).body, /Uma User/)
    cloud.secrets.set('web-session-key', `${'n'.repeat(44)},${key}`)
    const rotated = await startApp(t, cloud, { WEB_ORIGIN })
    const before = [...visitor.cookies.values()].join()
    assert.match((await visitor.get('/app', rotated)).body, /Uma User/)
    assert.notEqual([...visitor.cookies.values()].join(), before, 'the cookie is signed with the new key')
    assert.match((await visitor.get('/app', rotated)).body, /Uma User/)
    cloud.secrets.set('web-session-key', 'too short')
    const wrong = await startApp(t, cloud, { WEB_ORIGIN })
    assert.equal((await visitor.get('/app', wrong)).statusCode, 503)
  })
})

describe('people of other kinds of tenants', () => {
  test('B2C: by its policy, with Graph asked in the name of this service', async (t) => {
    const authority = `${cloud.origins.entra}/${b2c.tenantName}.onmicrosoft.com/${b2c.policy}`
    const customers = await startApp(t, cloud, {
      WEB_ORIGIN,
      ENTRA_WEB_CLIENT_ID: b2cWebApp.clientId,
      ENTRA_WEB_CERTIFICATE_NAME: '',
      ENTRA_WEB_CLIENT_SECRET_NAME: b2cWebSecretName,
      ENTRA_WEB_AUTHORITY: authority,
      ENTRA_WEB_SCOPE: `https://${b2c.tenantName}.onmicrosoft.com/codes-api/user_impersonation`,
    })
    const visitor = openVisitor(customers)
    assert.equal((await visitor.signIn()).statusCode, 303)
    const { body } = await visitor.get('/app')
    assert.match(body, /<h1>Uma User<\/h1>[\s\S]*in the name of this service/)
    assert.match(codeOn((await visitor.submit('/app/codes')).body), /-/)

    b2cWebApp.secret = 'rotated'
    cloud.secrets.set(b2cWebSecretName, b2cWebApp.secret)
    assert.equal((await openVisitor(customers).signIn()).statusCode, 303, 'a rotated credential needs no restart')
  })

  test('External ID: its tenant is the one whose tokens the API accepts', async (t) => {
    const customers = await startApp(t, cloud, {
      WEB_ORIGIN,
      ENTRA_TENANT_ID: externalId.tenantId,
      ENTRA_WEB_CLIENT_ID: externalWebApp.clientId,
    })
    const visitor = openVisitor(customers)
    assert.equal((await visitor.signIn()).statusCode, 303)
    assert.match((await visitor.get('/app')).body, /<h1>Uma User<\/h1>/)
    assert.match(codeOn((await visitor.submit('/app/codes')).body), /-/)
  })
})
