import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Page } from 'playwright-core'
import { docsApp } from '../../local-cloud/directory.ts'
import { startApp } from '../helpers/app.ts'
import { startBrowser } from '../helpers/browser.ts'
import { startCloud } from '../helpers/cloud.ts'
import { root } from '../helpers/processes.ts'

const app = await startApp({ after }, await startCloud())
const url = await app.listen()
const browser = await startBrowser()

/** Opens the documentation, and keeps what the browser complains of. */
async function openDocs(): Promise<{ page: Page; complaints: string[] }> {
  const page = await browser.open()
  const complaints: string[] = []
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('pageerror', (error) => complaints.push(String(error)))
  await page.goto(`${url}/docs`)
  await page.getByRole('button', { name: 'Authorize' }).waitFor()
  return { page, complaints }
}

/** Signs in by the page's own means, and returns once it has a token. */
async function signIn(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Authorize' }).click()
  const entra = page.locator('.auth-container').filter({ has: page.getByRole('heading', { name: /^entraUser/ }) })
  const popup = page.waitForEvent('popup')
  await entra.getByRole('button', { name: 'Apply given OAuth2 credentials' }).click()
  await chooseUma(await popup)
  await entra.getByRole('button', { name: 'Remove authorization' }).waitFor()
  await page.screenshot({ path: join(root, 'test', 'artifacts', 'docs-authorized.png') })
  await page.getByRole('button', { name: 'Close' }).first().click()
}

/** Tells Entra who it is, and consents, where it asks; and the window closes by itself. */
async function chooseUma(entra: Page): Promise<void> {
  for (const name of [/Uma User/, 'Accept']) {
    const button = entra.getByRole('button', { name })
    await Promise.race([button.click().catch(() => undefined), entra.waitForEvent('close')])
  }
}

/** Opens an operation, sends its request, and returns the answer that the page shows. */
async function execute(page: Page, path: string): Promise<{ status: string; body: Record<string, unknown> }> {
  const operation = page.locator('.opblock').filter({ has: page.getByText(path, { exact: true }) })
  await operation.locator('.opblock-summary-control').click()
  await operation.getByRole('button', { name: 'Execute' }).click()
  const answer = operation.locator('.live-responses-table .response')
  const body = JSON.parse(await answer.locator('.highlight-code code').first().innerText())
  return { status: await answer.locator('.response-col_status').innerText(), body }
}

test('a person signs in on the page with PKCE, and calls both endpoints', async () => {
  const { page, complaints } = await openDocs()
  await signIn(page)

  const issued = await execute(page, '/api/v1/getcode')
  assert.equal(issued.status.trim(), '200')
  assert.match(String(issued.body['code']), /^[A-Za-z]{3}-\d+-[A-Za-z]{3}$/)

  const greeted = await execute(page, '/api/v1/hello-graph')
  assert.equal(greeted.status.trim(), '200')
  assert.deepEqual([greeted.body['flow'], Object(greeted.body['graph']).displayName], ['on_behalf_of', 'Uma User'])
  assert.equal(Object(greeted.body['claims']).azp, docsApp.clientId)

  await page.screenshot({ path: join(root, 'test', 'artifacts', 'docs-called.png'), fullPage: true })
  assert.deepEqual(complaints, [], 'its Content-Security-Policy lets all of it through')
})

test('a call without a token shows the refusal, which is among the documented ones', async () => {
  const { page } = await openDocs()
  const refused = await execute(page, '/api/v1/getcode')
  assert.deepEqual([refused.status.trim(), refused.body['code']], ['401', 'token_missing'])
})

test('the page runs no script and asks no address that its policy does not name', async () => {
  const { page } = await openDocs()
  const refused = page.waitForEvent('console', (message) => /Content Security Policy/.test(message.text()))
  await page.evaluate("fetch('https://localhost:9/').catch(() => undefined)")
  assert.match((await refused).text(), /connect-src/)
  const blocked = page.waitForEvent('console', (message) => /Content Security Policy/.test(message.text()))
  await page.evaluate(
    "document.body.append(Object.assign(document.createElement('script'), { text: 'window.ran = 1' }))",
  )
  assert.match((await blocked).text(), /script-src/)
  assert.equal(await page.evaluate('window.ran'), undefined)
})
