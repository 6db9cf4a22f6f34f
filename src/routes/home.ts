import { createHash } from 'node:crypto'
import type { FastifyPluginAsync } from 'fastify'

const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fbfbfa; --quiet: #5d6670; --line: #dcdfe3; --link: #0b57d0 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e8eaed; --paper: #15181c; --quiet: #9aa4ae; --line: #343a41; --link: #8ab4f8 }
}
body { margin: 0; background: var(--paper); color: var(--ink); font: 1.0625rem/1.6 system-ui, sans-serif }
main { max-width: 40rem; margin: 0 auto; padding: clamp(2rem, 8vw, 5rem) 1.25rem }
h1 { margin: 0 0 .5rem; font-size: clamp(1.75rem, 6vw, 2.5rem); line-height: 1.2; letter-spacing: -.02em }
p { margin: 0 0 1.5rem }
a { color: var(--link) }
dl { margin: 0; border-top: 1px solid var(--line) }
dt { margin-top: .9rem; font: 600 .95rem/1.4 ui-monospace, monospace; overflow-wrap: anywhere }
dd { margin: 0; padding-bottom: .9rem; border-bottom: 1px solid var(--line); color: var(--quiet) }
`

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>fastify-entra</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>fastify-entra</h1>
<p>One-time codes for backend services. Callers are authenticated with Microsoft Entra ID access tokens.</p>
<dl>
<dt><a href="/api/v1/getcode">GET /api/v1/getcode</a></dt>
<dd>A one-time code. Needs a bearer token with the app role <code>Codes.Issue</code>, or a user's with the scope
<code>user_impersonation</code>; without one it answers 401 and says why.</dd>
<dt>POST /api/v1/codes/verify</dt>
<dd>Whether a code is valid, which it is once. Needs the app role <code>Codes.Verify</code>.</dd>
<dt><a href="/api/v1/hello-graph">GET /api/v1/hello-graph</a></dt>
<dd>Who you are, as Microsoft Graph says. Needs the app role <code>Graph.Hello</code>, or a user's token as above.</dd>
<dt><a href="/.well-known/oauth-protected-resource">GET /.well-known/oauth-protected-resource</a></dt>
<dd>Where to get a token for this API.</dd>
<dt><a href="/healthz">GET /healthz</a></dt>
<dd>Whether the process is alive.</dd>
<dt><a href="/readyz">GET /readyz</a></dt>
<dd>Whether it can serve, and how each service it needs is doing.</dd>
</dl>
</main>
</body>
</html>
`

/** The page has one style sheet and nothing else to load; the policy allows exactly that (CSP Level 3, section 8.3). */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** `GET /`: what this is, for a person who opens it in a browser. */
const home: FastifyPluginAsync = async (app) => {
  app.get('/', { exposeHeadRoute: true }, async (_request, reply) =>
    reply.type('text/html; charset=utf-8').header('content-security-policy', CONTENT_SECURITY_POLICY).send(PAGE),
  )
}

export default home
