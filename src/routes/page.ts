import { createHash } from 'node:crypto'
import type { FastifyReply } from 'fastify'

/** The one style of every page; its colours are named, and the dark ones follow the reader's system. */
const STYLE = `
:root {
  color-scheme: light dark;
  --ink: #1b1f24; --quiet: #5a636d; --paper: #f6f7f9; --card: #fff; --line: #dde1e6;
  --accent: #0b57d0; --on-accent: #fff; --good: #18794e; --bad: #c62a2f; --warn: #8a5300;
}
@media (prefers-color-scheme: dark) {
  :root {
    --ink: #e8eaed; --quiet: #a0a9b3; --paper: #121518; --card: #1b1f24; --line: #333a42;
    --accent: #8ab4f8; --on-accent: #10233f; --good: #5bd19a; --bad: #ff8b8b; --warn: #f0b35a;
  }
}
* { box-sizing: border-box }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1.0625rem/1.6 system-ui, sans-serif }
main { max-width: 44rem; margin: 0 auto; padding: clamp(1.75rem, 7vw, 4.5rem) 1.25rem 3rem }
h1 { margin: 0 0 .5rem; font-size: clamp(1.75rem, 6vw, 2.5rem); line-height: 1.15; letter-spacing: -.02em }
h2 { margin: 0 0 .75rem; font-size: 1.0625rem; line-height: 1.4 }
p { margin: 0 0 1.25rem }
a { color: var(--accent); text-underline-offset: .15em }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; border-radius: .25rem }
code, .code { font-family: ui-monospace, SFMono-Regular, Menlo, monospace; font-size: .92em; overflow-wrap: anywhere }
.quiet { color: var(--quiet) }
.card { margin: 0 0 1.25rem; padding: 1.25rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem }
.card > :last-child, .card > form > :last-child { margin-bottom: 0 }
h1 + .card { margin-top: 1.25rem }
.actions { display: flex; flex-wrap: wrap; gap: .75rem; margin: 0 0 1.75rem; padding: 0; list-style: none }
.button { display: inline-block; padding: .55rem 1.1rem; border: 1px solid var(--line); border-radius: .5rem;
  background: var(--card); color: var(--ink); font: inherit; font-weight: 600; text-decoration: none; cursor: pointer }
.button:hover { border-color: var(--accent) }
.button.first { background: var(--accent); border-color: var(--accent); color: var(--on-accent) }
.list { margin: 0; padding: 0; list-style: none }
.list > li { padding: .7rem 0; border-top: 1px solid var(--line) }
.list > li:first-child { padding-top: 0; border-top: 0 }
.list > li:last-child { padding-bottom: 0 }
.state { font-weight: 600 }
.state::before { content: ""; display: inline-block; width: .6em; height: .6em; margin-right: .5em; border-radius: 50%;
  background: currentcolor }
.good { color: var(--good) }
.bad { color: var(--bad) }
.warn { color: var(--warn) }
.parts { display: flex; flex-wrap: wrap; gap: .25rem 1.25rem; margin: 0; padding: 0; list-style: none }
.parts .state { font-weight: 400 }
.bar { display: flex; flex-wrap: wrap; align-items: center; gap: .5rem 1.25rem; margin: 0 0 2rem }
.bar > :first-child { margin-right: auto; color: var(--ink); font-weight: 600; text-decoration: none }
.bar .button { padding: .3rem .8rem }
.bar [aria-current] { color: var(--ink); font-weight: 600; text-decoration: none }
.notice { padding: .75rem 1rem; border: 1px solid; border-radius: .5rem; background: var(--card); font-weight: 600 }
.facts { display: grid; grid-template-columns: minmax(6rem, auto) 1fr; gap: .4rem 1.25rem; margin: 0 }
.facts dt { color: var(--quiet) }
.facts dd { margin: 0; overflow-wrap: anywhere }
@media (max-width: 30rem) {
  .bar > :first-child { flex-basis: 100% }
  .bar > form { margin-left: auto }
  .facts { display: block }
  .facts dd { margin-bottom: .6rem }
}
.big { margin: 0 0 .5rem; font-size: clamp(1.75rem, 8vw, 2.5rem); line-height: 1.2 }
.field { display: flex; flex-wrap: wrap; gap: .75rem; margin: .25rem 0 .75rem }
label, summary { font-weight: 600 }
summary { cursor: pointer }
details[open] > summary { margin-bottom: .75rem }
input { flex: 1 1 12rem; min-width: 0; padding: .55rem .75rem; border: 1px solid var(--quiet); border-radius: .5rem;
  background: var(--paper); color: var(--ink); font: inherit; font-family: ui-monospace, monospace }
p.state { margin-bottom: .6rem }
progress { display: block; width: 100%; height: .5rem; margin: 0 0 .75rem; accent-color: var(--good) }
footer { color: var(--quiet); font-size: .95rem }
`

const STYLE_SOURCE = `'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`

/** Text that is markup already, and needs no escaping any more. */
export class Html {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

type Part = Html | string | number | readonly Html[]

/** Markup from a template: whatever is put into it is escaped, unless it came from here itself. */
export function html(markup: TemplateStringsArray, ...parts: readonly Part[]): Html {
  return new Html(String.raw({ raw: markup }, ...parts.map(toMarkup)))
}

function toMarkup(part: Part): string {
  if (part instanceof Html) return part.text
  if (typeof part === 'object') return part.map(({ text }) => text).join('')
  return String(part).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

interface Page {
  title: string
  body: Html
  /** Content-security-policy directives beyond the style's, by name: `{ 'form-action': "'self'" }`. */
  policy?: Readonly<Record<string, string>>
}

/** Answers with a page. It loads nothing but what its policy names (CSP Level 3, section 8.3). */
export function sendPage(reply: FastifyReply, { title, body, policy = {} }: Page): FastifyReply {
  const directives = {
    'default-src': "'none'",
    'style-src': STYLE_SOURCE,
    'base-uri': "'none'",
    'form-action': "'none'",
    'frame-ancestors': "'none'",
    ...policy,
  }
  const document = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${new Html(STYLE)}</style>
</head>
<body>
<main>
${body}
</main>
</body>
</html>
`
  const contentSecurityPolicy = Object.entries(directives).map((directive) => directive.join(' '))
  return reply
    .type('text/html; charset=utf-8')
    .headers({ 'content-security-policy': contentSecurityPolicy.join('; '), 'referrer-policy': 'no-referrer' })
    .send(document.text)
}
