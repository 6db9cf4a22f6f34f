import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after } from 'node:test'
import axe from 'axe-core'
import { type BrowserContextOptions, chromium, type Page } from 'playwright-core'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { root } from './processes.ts'

const EXECUTABLE = process.env['CHROMIUM'] ?? '/usr/bin/chromium'
const LOOKS = {
  light: { width: 1_100, height: 800, colorScheme: 'light' },
  dark: { width: 1_100, height: 800, colorScheme: 'dark' },
  phone: { width: 375, height: 740, colorScheme: 'light' },
} as const

/** Chromium for one test file. Start it first: so it ends first, and no server waits for its connections. */
export async function startBrowser() {
  // Its sandbox needs rights that containers do not give; it opens nothing here but this machine's own pages.
  const browser = await chromium.launch({ executablePath: EXECUTABLE, args: ['--no-sandbox'] })
  after(() => browser.close())
  return {
    /** A page in a browser of its own: it shares no cookie with any other. Knows nothing of the local cloud's authority. */
    async open(options: BrowserContextOptions = {}): Promise<Page> {
      const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options })
      context.setDefaultTimeout(15_000)
      return await context.newPage()
    },
  }
}

const Violations = Type.Array(
  Type.Object({ id: Type.String(), help: Type.String(), nodes: Type.Array(Type.Object({ html: Type.String() })) }),
)

/**
 * Looks at a page as it is in light, dark and on a phone: axe-core finds nothing, nothing is wider than the screen, and
 * `test/artifacts/<name>-<look>.png` shows it.
 */
export async function inspectPage(page: Page, name: string): Promise<void> {
  const before = page.viewportSize()
  for (const [look, { colorScheme, ...size }] of Object.entries(LOOKS)) {
    await page.emulateMedia({ colorScheme })
    await page.setViewportSize(size)
    await page.screenshot({ path: join(root, 'test', 'artifacts', `${name}-${look}.png`), fullPage: true })
    // By way of the debugger, which no Content-Security-Policy holds back.
    await page.evaluate(axe.source)
    const violations = Value.Parse(Violations, await page.evaluate('axe.run().then(({ violations }) => violations)'))
    const found = violations.map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.map(({ html }) => html).join(' ')}`)
    assert.deepEqual(found, [], `${name}, ${look}`)
    const overflow = await page.evaluate('document.documentElement.scrollWidth - document.documentElement.clientWidth')
    assert.equal(overflow, 0, `${name}, ${look}: nothing is wider than the screen`)
  }
  await page.emulateMedia({ colorScheme: null })
  if (before !== null) await page.setViewportSize(before)
}
