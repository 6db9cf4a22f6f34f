import { randomInt } from 'node:crypto'
import type { LocalCloud } from '../../local-cloud/cloud.ts'
import { caller, stranger } from '../../local-cloud/directory.ts'

/** What neighbours at fault lead to, in answers to whoever may call. */
const EXCUSED =
  /^50[234] (?:number_api|graph)_|^503 (?:keys|secret|queue|codes|number_api|graph)_unavailable$|^503 overloaded$/
/** While the keys are out of reach nobody can tell a good token from a bad one. */
const NO_KEYS = /^503 (?:keys_unavailable|overloaded)$/

/** The service asks Entra about a token that it has not seen, and remembers what it got. */
const NEW_USER_EVERY = 5

export interface Answer {
  status: number
  /** `200`, or the status and the problem's code. */
  summary: string
  body: string
  code: string | undefined
  durationMs: number
}

interface Kind {
  name: string
  /** How often, beside the others. */
  weight: number
  send(): Promise<Answer>
  /** What may be answered, while all is well and at other times. */
  expected: readonly RegExp[]
}

/**
 * Callers of every kind, good and bad, of a service.
 * @param note is told of an answer to verify that nothing excuses
 */
export async function createTraffic(cloud: LocalCloud, url: string, note: (what: string) => void) {
  const tokens = {
    good: await cloud.tokens.forApi(caller),
    stranger: await cloud.tokens.forApi(stranger),
    expired: await cloud.tokens.forApi(caller, { exp: Math.floor(Date.now() / 1_000) - 600 }),
    otherAudience: await cloud.tokens.forApi(caller, { aud: 'api://somebody-else' }),
  }
  const [header, claims] = tokens.good.split('.')
  const forged = `${header}.${claims}.${'A'.repeat(342)}`

  let user = await cloud.tokens.mint({ as: 'user' })

  async function send(path: string, init: RequestInit & { token?: string } = {}): Promise<Answer> {
    const { token, ...rest } = init
    const headers = { ...rest.headers, ...(token !== undefined && { authorization: `Bearer ${token}` }) }
    const since = performance.now()
    const response = await fetch(`${url}${path}`, { ...rest, headers })
    const body = await response.text()
    const durationMs = performance.now() - since
    const { code } = parse(body)
    const { status, ok } = response
    if (ok) return { status, summary: String(status), body, code, durationMs }
    return { status, summary: `${status} ${code}`, body, code: undefined, durationMs }
  }

  const post = (body: string, token: string) =>
    send('/api/v1/codes/verify', { method: 'POST', headers: { 'content-type': 'application/json' }, body, token })

  const kinds: readonly Kind[] = [
    {
      name: 'getcode',
      weight: 40,
      send: () => send('/api/v1/getcode', { token: tokens.good }),
      expected: [/^200$/, EXCUSED],
    },
    {
      name: 'hello app',
      weight: 6,
      send: () => send('/api/v1/hello-graph', { token: tokens.good }),
      expected: [/^200$/, EXCUSED],
    },
    {
      name: 'hello user',
      weight: 6,
      send: async () => {
        if (randomInt(NEW_USER_EVERY) === 0) user = await cloud.tokens.mint({ as: 'user' })
        return await send('/api/v1/hello-graph', { token: user })
      },
      expected: [/^200$/, EXCUSED],
    },
    { name: 'healthz', weight: 3, send: () => send('/healthz'), expected: [/^200$/] },
    { name: 'readyz', weight: 3, send: () => send('/readyz'), expected: [/^(?:200|503 undefined)$/] },
    { name: 'no token', weight: 4, send: () => send('/api/v1/getcode'), expected: [/^401 token_missing$/] },
    bad('forged', forged, /^401 token_signature$/),
    bad('expired', tokens.expired, /^401 token_expired$/),
    bad('other audience', tokens.otherAudience, /^401 token_audience$/),
    bad('no role', tokens.stranger, /^403 role_missing$/),
    bad('no JWT', 'abc.def', /^401 token_malformed$/),
    { name: 'no body', weight: 4, send: () => post('{"co', tokens.good), expected: [/^400 request_invalid$/, NO_KEYS] },
    {
      name: 'large body',
      weight: 2,
      send: () => post(JSON.stringify({ code: 'x'.repeat(20_000) }), tokens.good),
      expected: [/^413 payload_too_large$/, NO_KEYS],
    },
    { name: 'nowhere', weight: 2, send: () => send('/api/v1/nothing'), expected: [/^404 not_found$/] },
  ]

  function bad(name: string, token: string, expected: RegExp): Kind {
    return { name, weight: 4, send: () => send('/api/v1/getcode', { token }), expected: [expected, NO_KEYS] }
  }

  const total = kinds.reduce((sum, { weight }) => sum + weight, 0)
  let verifications = 0
  let verifier = tokens.good
  async function verify(code: string): Promise<boolean | undefined> {
    verifications += 1
    // A caller who is wrong too often is not answered for a while.
    if (verifications % 50 === 0) verifier = await cloud.tokens.forApi(caller, { azp: `verifier-${verifications}` })
    try {
      const { status, summary, body } = await post(JSON.stringify({ code }), verifier)
      if (status === 200) return Object(JSON.parse(body)).valid === true
      if (!EXCUSED.test(summary)) note(`verify: ${summary}`)
    } catch (error) {
      note(`verify: ${String(error)}`)
    }
    return undefined
  }

  return {
    /** Each kind as often as its weight says. */
    next(): Kind {
      let rest = randomInt(total)
      for (const kind of kinds) {
        rest -= kind.weight
        if (rest < 0) return kind
      }
      throw new Error('no kind of request')
    },
    /** @returns undefined when the service could not say */
    verify,
    /** @returns what keeps somebody who may call from being served; empty when nothing does */
    async probe(): Promise<string> {
      const looks = kinds.slice(0, 3).map(async ({ name, send }) => {
        const summary = await send().then(
          (answer) => answer.summary,
          (error: unknown) => String(error),
        )
        return summary === '200' ? [] : [`${name}: ${summary}`]
      })
      const verified = (await verify('abc-161-def')) === undefined ? ['verify'] : []
      return [...(await Promise.all(looks)).flat(), ...verified].join(', ')
    },
    /** What must not be seen in any answer. */
    secrets: [...Object.values(tokens), forged].map((token) => token.split('.')[2] ?? ''),
  }
}

function parse(body: string): { code: string | undefined } {
  try {
    const { code } = Object(JSON.parse(body))
    return { code: typeof code === 'string' ? code : undefined }
  } catch {
    return { code: undefined }
  }
}
