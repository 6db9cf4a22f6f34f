import type { FastifyPluginAsync, RouteOptions } from 'fastify'
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

interface HomeOptions {
  /** Whether there is a web application to sign in to. */
  hasSignIn: boolean
}

/** `GET /`: what this is and how it is, for a person who opens it in a browser. */
const home: FastifyPluginAsync<HomeOptions> = async (app, { hasSignIn }) => {
  app.get('/', { exposeHeadRoute: true }, async (_request, reply) => {
    const parts = Object.entries(await app.readiness.report())
    return sendPage(reply, { title: 'fastify-entra', body: renderHome(parts, app.apiRoutes, hasSignIn) })
  })
}

function renderHome(
  parts: ReadonlyArray<[name: string, isUsable: boolean]>,
  routes: readonly RouteOptions[],
  hasSignIn: boolean,
) {
  return html`<h1>fastify-entra</h1>
<p class="quiet">One-time codes for backend services. Callers are authenticated with Microsoft Entra ID access tokens.</p>
<ul class="actions">
${hasSignIn ? html`<li><a class="button first" href="/app">Sign in</a></li>` : ''}
<li><a class="button${hasSignIn ? '' : ' first'}" href="/docs">Documentation</a></li>
<li><a class="button" href="/api/v1/getcode">Get a code</a></li>
</ul>
${renderState(parts)}
<section class="card">
<h2>What it answers</h2>
<ul class="list">
${routes.filter(({ config }) => config?.policy !== undefined).map(renderRoute)}</ul>
</section>
<footer>Without a token these answer 401 and say why.
<a href="/.well-known/oauth-protected-resource">Where to get one</a>, and
<a href="/openapi.json">all of it for programs</a>.</footer>`
}

function renderRoute({ method, url, schema, config }: RouteOptions) {
  const { roles = [], scopes = [] } = config?.policy ?? {}
  const callers = [
    ...roles.map((role) => html`apps with the role <code>${role}</code>`),
    ...scopes.map((scope) => html`users with the scope <code>${scope}</code>`),
  ]
  return html`<li><code>${String(method)} ${url}</code><br>${schema?.summary ?? ''}.
<span class="quiet">For ${callers.map((caller, index) => html`${index === 0 ? '' : ', and '}${caller}`)}.</span></li>
`
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

export default fp(home, { name: 'route-home', encapsulate: true, dependencies: ['api-routes', 'readiness'] })
