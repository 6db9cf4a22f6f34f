import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import type { Page } from 'playwright-core'
import { createCredential } from '../../src/azure/credential.ts'
import { createStorageTable } from '../../src/azure/storage-table.ts'
import { startApp } from '../helpers/app.ts'
import { inspectPage, startBrowser } from '../helpers/browser.ts'
import { startCloud } from '../helpers/cloud.ts'
import { eventually, freePort } from '../helpers/processes.ts'
import { startWorker } from '../helpers/worker.ts'

const browser = await startBrowser()
const cloud = await startCloud()
const port = await freePort()
const origin = `http://127.0.0.1:${port}`
const app = await startApp({ after }, cloud, { WEB_ORIGIN: origin })
await app.listen({ port })
await startWorker({ after }, cloud)

/** Decides at Entra, which asks for consent the first time. */
async function decide(page: Page, name: string, decision = 'Accept'): Promise<void> {
  await page.getByRole('button', { name }).click()
  await page.waitForLoadState()
  const button = page.getByRole('button', { name: decision })
  if ((await page.title()) === 'Permissions requested') await button.click()
}

async function signIn(name: string): Promise<Page> {
  const page = await browser.open()
  await page.goto(`${origin}/app/sign-in`)
  await decide(page, name)
  await page.waitForURL(`${origin}/app`)
  return page
}

const heading = (page: Page) => page.getByRole('heading', { level: 1 }).textContent()

test('from the home page: sign in, see name and mail, get a code, check it twice, sign out', async () => {
  const page = await browser.open()
  const complaints: string[] = []
  page.on('console', (message) => complaints.push(message.text()))
  await page.goto(origin)
  await inspectPage(page, 'home-with-sign-in')
  await page.getByRole('link', { name: 'Sign in' }).click()
  await inspectPage(page, 'app-welcome')
  await page.getByRole('link', { name: 'Sign in with Microsoft' }).click()
  await inspectPage(page, 'entra-choose')
  await page.getByRole('button', { name: 'Uma User' }).click()
  await inspectPage(page, 'entra-consent')
  await page.getByRole('button', { name: 'Accept' }).click()

  assert.equal(await heading(page), 'Uma User')
  assert.ok(await page.getByText('uma@local.example').first().isVisible())
  await inspectPage(page, 'app-person')
  await page.getByText('What your access token says').click()
  await inspectPage(page, 'app-person-claims')

  await page.getByRole('link', { name: 'Codes' }).click()
  await inspectPage(page, 'app-codes-none')
  await page.getByRole('button', { name: 'Get a code' }).click()
  const timer = page.getByRole('timer')
  const first = await timer.textContent()
  assert.match(first ?? '', /^(?:10:00|9:5\d)$/)
  await eventually(async () => (await timer.textContent()) !== first, 'it counts down')
  await inspectPage(page, 'app-codes-valid')

  await page.getByRole('button', { name: 'Check' }).click()
  assert.match((await page.getByRole('status').textContent()) ?? '', /^Valid\./)
  await inspectPage(page, 'app-codes-checked')
  const code = (await page.locator('.big').textContent()) ?? ''
  await page.reload()
  assert.equal(await page.getByRole('status').count(), 0, 'loading the page anew checks nothing')
  await page.getByLabel('Code').fill(code)
  await page.keyboard.press('Enter')
  assert.match((await page.getByRole('status').textContent()) ?? '', /^Used\./)
  await inspectPage(page, 'app-codes-used')

  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.waitForURL(`${origin}/app/signed-out`)
  await inspectPage(page, 'app-signed-out')
  await page.goto(`${origin}/app/codes`)
  assert.equal(await heading(page), 'You are not signed in.')
  await inspectPage(page, 'app-session-over')
  const held = complaints.filter((text) => text.includes('Content Security Policy'))
  assert.deepEqual(held, [], 'no policy of a page holds back what it needs')
})

test('everything but the countdown works without script, and by keyboard', async () => {
  const page = await browser.open({ javaScriptEnabled: false })
  await page.goto(`${origin}/app/sign-in?to=/app/codes`)
  await decide(page, 'Cleo Colleague')
  await page.waitForURL(`${origin}/app/codes`)
  await page.getByRole('button', { name: 'Get a code' }).press('Enter')
  assert.match((await page.getByRole('timer').textContent()) ?? '', /^\d+:\d\d$/)
  await page.getByRole('button', { name: 'Check' }).press('Enter')
  assert.match((await page.getByRole('status').textContent()) ?? '', /^Valid\./)
  await page.getByRole('button', { name: 'Sign out' }).press('Enter')
  await page.waitForURL(`${origin}/app/signed-out`)
})

test('who declines is told so', async () => {
  const page = await browser.open()
  await page.goto(`${origin}/app/sign-in`)
  await decide(page, 'Nora Noconsent', 'Cancel')
  assert.match((await page.textContent('main')) ?? '', /You declined/)
  await inspectPage(page, 'app-declined')
  await page.getByRole('link', { name: 'Sign in' }).click()
  await page.getByRole('button', { name: 'Nora Noconsent' }).waitFor()
})

test('who has not consented to Graph is asked to, and goes on', async () => {
  const page = await signIn('Nora Noconsent')
  await inspectPage(page, 'app-consent-needed')
  await page.getByRole('link', { name: 'Go on at Microsoft' }).click()
  await decide(page, 'Nora Noconsent')
  await page.getByText('nora@local.example').first().waitFor()
})

test('a replayed and a forged answer sign nobody in', async () => {
  const page = await browser.open()
  const answers: string[] = []
  page.on('request', (request) => {
    if (request.url().startsWith(`${origin}/app/redirect`)) answers.push(request.url())
  })
  await page.goto(`${origin}/app/sign-in`)
  await decide(page, 'Uma User')
  await page.waitForURL(`${origin}/app`)
  const [answer = ''] = answers
  const thief = await browser.open()
  await thief.goto(`${origin}/app/sign-in`)
  for (const url of [answer, answer.replace(/state=[^&]+/, 'state=forged')]) {
    await thief.goto(url)
    assert.match((await thief.textContent('main')) ?? '', /cannot be finished/)
    await thief.goto(`${origin}/app`)
    assert.equal(await heading(thief), 'Sign in')
  }
  await page.goto(answer)
  await inspectPage(page, 'app-sign-in-invalid')
  await page.goto(`${origin}/app`)
  assert.equal(await heading(page), 'Uma User', 'the session goes on')
})

test('two people in two browsers never see each other', async () => {
  const [uma, cleo] = await Promise.all([signIn('Uma User'), signIn('Cleo Colleague')])
  await Promise.all([uma, cleo].map((page) => page.goto(`${origin}/app/codes`)))
  await Promise.all([uma, cleo].map((page) => page.getByRole('button', { name: 'Get a code' }).click()))
  const [own, other] = await Promise.all([uma, cleo].map((page) => page.locator('.big').textContent()))
  assert.notEqual(own, other)
  for (let round = 0; round < 3; round += 1) {
    await Promise.all([uma, cleo].map((page) => page.goto(`${origin}/app`)))
    assert.deepEqual(await Promise.all([uma, cleo].map(heading)), ['Uma User', 'Cleo Colleague'])
  }
})

test('a session that ran out says so, and a form sent too late too', async () => {
  const page = await signIn('Uma User')
  await page.goto(`${origin}/app/codes`)
  const table = createStorageTable({ url: cloud.storage.sessionsTableUrl, credential: createCredential() })
  const past = { expiresAt: new Date(Date.now() - 1_000).toISOString() }
  for (const rowKey of await table.findRowKeysBefore('session', 'expiresAt', '9')) {
    await table.update({ partitionKey: 'session', rowKey, ...past }, '*')
  }
  const form = await page.context().newPage()
  await form.goto(`${origin}/app`)
  assert.match((await form.getByRole('status').textContent()) ?? '', /Your session ran out/)
  await inspectPage(form, 'app-session-ran-out')
  await page.getByRole('button', { name: 'Get a code' }).click()
  await page.getByText('Your session is over').waitFor()
})

test('signing out ends the session on the server: a kept cookie opens nothing', async () => {
  const page = await signIn('Uma User')
  const kept = await page.context().cookies(origin)
  await page.getByRole('button', { name: 'Sign out' }).click()
  await page.waitForURL(`${origin}/app/signed-out`)
  const thief = await browser.open()
  await thief.context().addCookies(kept)
  await thief.goto(`${origin}/app`)
  assert.equal(await heading(thief), 'Sign in')
})

test('signing out at Entra ends the session here, though browsers send no cookie to a frame', async () => {
  const page = await signIn('Uma User')
  const elsewhere = await page.context().newPage()
  await elsewhere.goto(`${cloud.origins.entra}/${cloud.serviceEnv.ENTRA_TENANT_ID}/oauth2/v2.0/logout`)
  await inspectPage(elsewhere, 'entra-signed-out')
  await eventually(async () => {
    await page.goto(`${origin}/app`)
    return (await heading(page)) === 'Sign in'
  }, 'the session is over')
})

test('when Graph fails the page says so', async () => {
  const page = await signIn('Uma User')
  cloud.faults.set('graph', { answer: { status: 403 } })
  await page.goto(`${origin}/app`)
  assert.match((await page.textContent('main')) ?? '', /Microsoft Graph refused this service/)
  await inspectPage(page, 'app-graph-fails')
  cloud.faults.clear()
})
