import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import Fastify from 'fastify'
import { html, sendPage } from '../../src/routes/page.ts'

const nasty = `"><script>alert('&')</script>`
const escaped = '&#34;&#62;&#60;script&#62;alert(&#39;&#38;&#39;)&#60;/script&#62;'

test('what is put into markup is escaped, once, and markup made before is left alone', () => {
  assert.equal(html`<p title="${nasty}">${nasty}</p>`.text, `<p title="${escaped}">${escaped}</p>`)
  assert.equal(
    html`<ul>${[nasty, 'b'].map((item) => html`<li>${item}</li>`)}</ul>`.text,
    `<ul><li>${escaped}</li><li>b</li></ul>`,
  )
  assert.equal(html`${html`<b>${1}</b>`}`.text, '<b>1</b>')
})

test('a page allows its own style and what it names, and nothing else', async () => {
  const app = Fastify()
  app.get('/', (_request, reply) =>
    sendPage(reply, { title: nasty, body: html`<p>x</p>`, policy: { 'form-action': "'self'" } }),
  )
  const { body, headers } = await app.inject('/')
  const [, style = ''] = /<style>(.*)<\/style>/s.exec(body) ?? []
  assert.deepEqual(String(headers['content-security-policy']).split('; '), [
    "default-src 'none'",
    `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ])
  assert.ok(body.includes(`<title>${escaped}</title>`))
})
