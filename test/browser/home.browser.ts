import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { startApp } from '../helpers/app.ts'
import { inspectPage, startBrowser } from '../helpers/browser.ts'
import { startCloud } from '../helpers/cloud.ts'

const browser = await startBrowser()
const app = await startApp({ after }, await startCloud())
const url = await app.listen()

test('the home page says what this is, in any light and on a phone', async () => {
  const page = await browser.open()
  const complaints: string[] = []
  page.on('console', (message) => complaints.push(message.text()))
  await page.goto(url)
  assert.equal(await page.getByRole('heading', { level: 1 }).textContent(), 'fastify-entra')
  assert.deepEqual(complaints, [], 'its Content-Security-Policy lets all of it through')
  await inspectPage(page, 'home')
})
