import type { FastifyPluginAsync } from 'fastify'
import fp from 'fastify-plugin'
import { html, sendPage } from './page.ts'

/** What readiness calls its parts, for people. */
const PART_NAMES: Readonly<Record<string, string>> = {
  keys: 'Signing keys',
  keyVault: 'Key Vault',
  queue: 'Queue',
  table: 'Table of codes',
  numberApi: 'Number API',
}

/** `GET /`: what this is and how it is, for a person who opens it in a browser. */
const home: FastifyPluginAsync = async (app) => {
  app.get('/', { exposeHeadRoute: true }, async (_request, reply) => {
    const parts = Object.entries(await app.readiness.report())
    return sendPage(reply, { title: 'fastify-entra', body: renderHome(parts) })
  })
}

function renderHome(parts: ReadonlyArray<[name: string, isUsable: boolean]>) {
  return html`<h1>fastify-entra</h1>
<p class="quiet">One-time codes for backend services. Callers are authenticated with Microsoft Entra ID access tokens.</p>
<ul class="actions">
<li><a class="button first" href="/api/v1/getcode">Get a code</a></li>
<li><a class="button" href="/.well-known/oauth-protected-resource">Where to get a token</a></li>
</ul>
${renderState(parts)}
<section class="card">
<h2>What it answers</h2>
<ul class="list">
<li><code>GET /api/v1/getcode</code><br><span class="quiet">A one-time code. For apps with the role <code>Codes.Issue</code>,
and users with the scope <code>user_impersonation</code>.</span></li>
<li><code>POST /api/v1/codes/verify</code><br><span class="quiet">Whether a code is valid, which it is once. For apps with
the role <code>Codes.Verify</code>.</span></li>
<li><code>GET /api/v1/hello-graph</code><br><span class="quiet">Who you are, as Microsoft Graph says. For apps with the role
<code>Graph.Hello</code>, and users as above.</span></li>
</ul>
</section>
<footer>Without a token these answer 401 and say why.</footer>`
}

function renderState(parts: ReadonlyArray<[name: string, isUsable: boolean]>) {
  const isReady = parts.every(([, isUsable]) => isUsable)
  return html`<section class="card">
<h2>How it is: <span class="state ${isReady ? 'good' : 'bad'}">${isReady ? 'ready' : 'not ready'}</span></h2>
<ul class="parts">
${parts.map(
  ([name, isUsable]) =>
    html`<li class="state ${isUsable ? 'good' : 'bad'}">${PART_NAMES[name] ?? name}${isUsable ? '' : ': out of reach'}</li>
`,
)}</ul>
</section>`
}

export default fp(home, { name: 'route-home', encapsulate: true, dependencies: ['readiness'] })
