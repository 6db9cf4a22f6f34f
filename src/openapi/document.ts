import swagger from '@fastify/swagger'
import type { FastifyInstance, RouteOptions } from 'fastify'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import manifest from '../../package.json' with { type: 'json' }
import type { RoutePolicy } from '../plugins/entra-auth/route-policy.ts'
import { listProblems, type ProblemCode, problems } from './problems.ts'
import type { Security } from './security.ts'

interface Description {
  routes: readonly RouteOptions[]
  security: Security
}

const DESCRIPTION = `One-time codes for backend services, and for people. Every call needs an access token in the header
\`Authorization: Bearer …\`; what it opens is decided by app roles for apps and by scopes for users. Where to get one:
\`/.well-known/oauth-protected-resource\`.

Every error is a problem document (RFC 9457). Its \`code\` is stable: decide by it. Its \`detail\` says what to do next.
Whatever the URL, \`not_found\` (404) and \`method_not_allowed\` (405, with \`allow\`) are possible.`

const TAGS = [
  { name: 'Codes', description: 'One-time codes: issued once, valid once.' },
  { name: 'Graph', description: 'The caller, as Microsoft Graph knows it.' },
  { name: 'Service', description: 'How the service is, and where to get a token for it. Open to anyone.' },
]

const PROBLEM_SCHEMA = {
  type: 'object' as const,
  description: 'An error (RFC 9457).',
  required: ['type', 'title', 'status', 'detail', 'code', 'requestId'],
  properties: {
    type: { type: 'string' as const, format: 'uri', description: 'A URN that ends with the code.' },
    title: { type: 'string' as const, description: 'The same for every occurrence.' },
    status: { type: 'integer' as const, description: 'The HTTP status.' },
    detail: { type: 'string' as const, description: 'What happened and what to do next, for people.' },
    code: { type: 'string' as const, description: 'What happened, for programs.', enum: Object.keys(problems) },
    requestId: { type: 'string' as const, description: "The operators' log has it too." },
    upstreamStatus: { type: 'integer' as const, description: 'What the other service answered.' },
  },
}

const HEADERS = {
  'www-authenticate': {
    description: 'The challenge (RFC 6750), with `resource_metadata` (RFC 9728).',
    schema: { type: 'string' as const },
  },
  'retry-after': {
    description: 'Seconds until it is worth while to send the request again.',
    schema: { type: 'integer' as const, minimum: 0 },
  },
}

const EXAMPLE_REQUEST_ID = '0b9fd4a2-6c1e-4a57-9f0e-3d2c1b0a9f8e'

/**
 * Describes routes of another application in OpenAPI 3.1, with `swagger()`. They are registered here to be described, and
 * not to be served.
 */
export async function describeRoutes(app: FastifyInstance, { routes, security }: Description): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.1',
      info: {
        title: manifest.name,
        version: manifest.version,
        description: DESCRIPTION,
        license: { name: manifest.license, identifier: manifest.license },
      },
      servers: [{ url: '/' }],
      tags: TAGS,
      components: {
        securitySchemes: security.schemes,
        schemas: { Problem: PROBLEM_SCHEMA },
        headers: HEADERS,
        examples: Object.fromEntries(
          Object.entries(problems).map(([code, problem]) => [
            code,
            { summary: code, value: problem.toProblem(EXAMPLE_REQUEST_ID) },
          ]),
        ),
      },
    },
    transform: ({ schema, url, route }) => {
      const policy = route.config?.policy
      if (policy === undefined) return { url, schema: { ...schema, security: [] } }
      const description = [schema.description, describePolicy(policy)].filter(Boolean).join('\n\n')
      const described = { ...schema, description, security: security.requirementsOf(policy), 'x-entra-policy': policy }
      return { url, schema: described }
    },
    transformObject(made) {
      if (!('openapiObject' in made)) throw new TypeError('this is not OpenAPI 3')
      for (const item of Object.values(made.openapiObject.paths ?? {})) addProblems(Object.values(item ?? {}), routes)
      return made.openapiObject
    },
  })
  // Their schemas are read here and check nothing.
  app.setValidatorCompiler(() => () => true)
  app.setSerializerCompiler(() => JSON.stringify)
  for (const { method, url, schema, config } of routes) {
    app.route({ method, url, ...(schema && { schema }), ...(config && { config }), handler: notServed })
  }
}

function notServed(): never {
  throw new Error('this route is described here and served elsewhere')
}

function describePolicy({ roles, scopes, clientIds, credential }: RoutePolicy): string {
  const or = (names: readonly string[]) => names.map((name) => `\`${name}\``).join(' or ')
  return [
    roles === undefined ? 'Not for apps.' : `Apps need the role ${or(roles)}.`,
    scopes === undefined ? 'Not for users.' : `Users need the scope ${or(scopes)}.`,
    ...(clientIds === undefined ? [] : [`Only for the applications ${or(clientIds)}.`]),
    ...(credential === undefined ? [] : [`The application must have got its token with a ${credential} at least.`]),
  ].join(' ')
}

/** Gives every operation the errors that follow from its route. */
function addProblems(operations: readonly unknown[], routes: readonly RouteOptions[]): void {
  for (const operation of operations) {
    if (!Value.Check(Operation, operation)) continue
    const route = routes.find(({ schema }) => schema?.operationId === operation.operationId)
    if (route === undefined) continue
    const { config, schema } = route
    const codes = listProblems({
      hasBody: schema?.body !== undefined,
      policy: config?.policy,
      problems: config?.problems,
    })
    for (const [status, group] of Map.groupBy(codes, (code) => problems[code].status)) {
      operation.responses[status] ??= describeProblems(group)
    }
  }
}

const Operation = Type.Object({
  operationId: Type.String(),
  responses: Type.Record(Type.String(), Type.Unknown()),
})

/** One answer for all errors that have the same status. */
function describeProblems(codes: readonly ProblemCode[]) {
  const headers = new Set(codes.flatMap((code) => Object.keys(problems[code].headers)))
  const titles = new Set(codes.map((code) => problems[code].title))
  return {
    description: [...titles].join(' Or: '),
    ...(headers.size > 0 && {
      headers: Object.fromEntries([...headers].map((name) => [name, { $ref: `#/components/headers/${name}` }])),
    }),
    content: {
      'application/problem+json': {
        schema: {
          allOf: [{ $ref: '#/components/schemas/Problem' }, { type: 'object', properties: { code: { enum: codes } } }],
        },
        examples: Object.fromEntries(codes.map((code) => [code, { $ref: `#/components/examples/${code}` }])),
      },
    },
  }
}
