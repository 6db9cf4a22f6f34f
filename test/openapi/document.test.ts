import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { registerHooks } from 'node:module'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { problems } from '../../src/openapi/problems.ts'
import { policies } from '../../src/routes/policies.ts'
import { startCloud } from '../helpers/cloud.ts'
import { assertProblem } from '../helpers/problem.ts'
import { root, run } from '../helpers/processes.ts'

const asked = new Set<string>()
registerHooks({
  resolve(specifier, context, next) {
    asked.add(specifier)
    return next(specifier, context)
  },
})
const areLoaded = () => asked.has('@fastify/swagger') && asked.has('@fastify/swagger-ui')

// Only now, so that nothing of the application is loaded unseen.
const { startApp } = await import('../helpers/app.ts')
const cloud = await startCloud()
const app = await startApp({ after }, cloud)
const snapshot = JSON.parse(readFileSync(join(root, 'openapi.json'), 'utf8'))

test('what makes the documentation is loaded when somebody asks for it', async () => {
  assert.equal((await app.inject('/healthz')).statusCode, 200)
  assert.equal(areLoaded(), false)
  assert.equal((await app.inject('/openapi.json')).statusCode, 200)
  assert.equal(areLoaded(), true)
})

test('openapi.json and the types of the example client are what the routes say', async (t) => {
  const { status, output } = await run(t, process.execPath, ['tools/openapi.ts', '--check'])
  assert.equal(status, 0, output)
})

test('openapi.json and what the service answers are valid OpenAPI 3.1', async () => {
  for (const document of [snapshot, (await app.inject('/openapi.json')).json()]) {
    const validator = new Validator()
    const { valid, errors } = await validator.validate(document)
    assert.ok(valid, JSON.stringify(errors))
    assert.equal(validator.version, '3.1')
  }
})

test('the service describes itself as openapi.json does, but for who issues its tokens', async () => {
  const served = (await app.inject('/openapi.json')).json()
  const expected = structuredClone(snapshot)
  for (const document of [served, expected]) {
    delete document.components.securitySchemes
    for (const { get, post } of Object.values<Record<string, Record<string, unknown>>>(document.paths)) {
      delete (get ?? post)?.['security']
    }
  }
  assert.deepEqual(served, expected)
})

test('every protected route is described, with its policy', () => {
  const described = Object.entries<Record<string, Record<string, unknown>>>(snapshot.paths).flatMap(([path, item]) =>
    Object.entries(item).map(([method, operation]) => [`${method.toUpperCase()} ${path}`, operation['x-entra-policy']]),
  )
  assert.deepEqual(Object.fromEntries(described.filter(([, policy]) => policy !== undefined)), policies)
})

test('a role opens a route to apps, a scope to users, of every issuer', () => {
  const [entra, b2c] = [
    'api://6b29fc40-ca47-4067-b31d-00dd010662da',
    'https://contoso.onmicrosoft.com/6b29fc40-ca47-4067-b31d-00dd010662da',
  ]
  const apps = [{ entraApp: [`${entra}/.default`] }, { b2cApp: [`${b2c}/.default`] }]
  const users = [{ entraUser: [`${entra}/user_impersonation`] }, { b2cUser: [`${b2c}/user_impersonation`] }]
  const named = (requirements: object[]) => new Set(requirements.map((requirement) => JSON.stringify(requirement)))
  const { paths } = snapshot
  assert.deepEqual(named(paths['/api/v1/getcode'].get.security), named([...apps, ...users, { accessToken: [] }]))
  assert.deepEqual(named(paths['/api/v1/codes/verify'].post.security), named([...apps, { accessToken: [] }]))
})

test('the endpoints for tokens are those of the metadata of the issuers', async () => {
  const { securitySchemes } = (await app.inject('/openapi.json')).json().components
  const { ENTRA_TENANT_ID, B2C_TENANT_NAME, B2C_POLICY } = cloud.serviceEnv
  const authorities = { entra: ENTRA_TENANT_ID, b2c: `${B2C_TENANT_NAME}.onmicrosoft.com/${B2C_POLICY}` }
  for (const [name, authority] of Object.entries(authorities)) {
    const response = await fetch(`${cloud.origins.entra}/${authority}/v2.0/.well-known/openid-configuration`)
    const metadata = Object(await response.json())
    const { authorizationUrl, tokenUrl } = securitySchemes[`${name}User`].flows.authorizationCode
    assert.deepEqual([authorizationUrl, tokenUrl], [metadata.authorization_endpoint, metadata.token_endpoint])
    assert.equal(securitySchemes[`${name}App`].flows.clientCredentials.tokenUrl, metadata.token_endpoint)
  }
})

test('services of many tenants are told to ask their own for a token', async (t) => {
  const many = await startApp(t, cloud, {
    ENTRA_TENANT_ID: 'organizations',
    ENTRA_ALLOWED_TENANT_IDS: cloud.serviceEnv.ENTRA_TENANT_ID,
  })
  const { entraUser, entraApp } = (await many.inject('/openapi.json')).json().components.securitySchemes
  assert.match(entraUser.flows.authorizationCode.authorizationUrl, /\/organizations\/oauth2\/v2\.0\/authorize$/)
  assert.match(entraApp.description, /your tenant in the place of organizations/)
})

test('every error has an example, and README.md lists it under its status', () => {
  const listed = new Map<string, string>()
  for (const [, statuses = '', codes = ''] of readFileSync(join(root, 'README.md'), 'utf8').matchAll(
    /^\| (\d{3}[^|]*) \| (.*) \|$/gm,
  )) {
    for (const [, code = ''] of codes.matchAll(/`([a-z]+(?:_[a-z]+)*)`/g)) listed.set(code, statuses)
  }
  assert.deepEqual(new Set(listed.keys()), new Set(Object.keys(problems)))
  for (const [code, problem] of Object.entries(problems)) {
    assert.equal(problem.code, code)
    assert.ok(listed.get(code)?.includes(String(problem.status)), `${code} is ${problem.status}`)
    assert.equal(snapshot.components.examples[code].value.code, code)
  }
})

test('GET /docs is a page that loads its own files alone', async () => {
  const response = await app.inject('/docs')
  assert.equal(response.statusCode, 200)
  const policy = String(response.headers['content-security-policy'])
  assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'; /)
  assert.match(policy, new RegExp(`connect-src 'self' ${cloud.origins.entra};`))
  assert.doesNotMatch(policy, /unsafe/)
  const files = [...response.body.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file = '']) => file)
  assert.ok(files.length > 4)
  for (const file of [...files, '/docs/static/oauth2-redirect.html']) {
    const { statusCode, headers } = await app.inject(file)
    assert.equal(statusCode, 200, file)
    assert.equal(headers['x-content-type-options'], 'nosniff')
    assert.equal(headers['referrer-policy'], 'no-referrer')
    assert.equal(headers['content-security-policy'], policy)
  }
})

test('the page signs people in as the application that is configured', async (t) => {
  const clientIdOf = async (service: typeof app) =>
    /"clientId":"([^"]*)"/.exec((await service.inject('/docs/static/swagger-initializer.js')).body)?.[1]
  assert.equal(await clientIdOf(app), cloud.serviceEnv.ENTRA_DOCS_CLIENT_ID)
  assert.equal(await clientIdOf(await startApp(t, cloud, { ENTRA_DOCS_CLIENT_ID: '' })), '')
})

test('nothing but the page is at /docs: 404 not_found', async () => {
  for (const url of ['/docs/nothing', '/docs/api/v1/getcode', '/docs/static/%2e%2e/package.json']) {
    const response = await app.inject(url)
    const { requestId } = assertProblem(response, { status: 404, code: 'not_found' })
    assert.match(String(requestId), /^[0-9a-f]{8}-/)
    assert.equal(response.headers['x-request-id'], requestId)
  }
})
