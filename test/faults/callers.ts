import type { LocalCloud } from '../../local-cloud/cloud.ts'
import { caller } from '../../local-cloud/directory.ts'
import type { columns } from './matrix.ts'

/** Well-formed, and nobody's. */
const UNKNOWN_CODE = 'abc-161-def'

export type Endpoint = (typeof columns)[number]

/** Those who use a service over HTTP, with a token of its own for each request, and remember what they got. */
export function createCallers(cloud: LocalCloud, url: () => string) {
  const codes: string[] = []
  const tokens: string[] = []
  const bodies: string[] = []

  async function send(path: string, token: string, init: RequestInit = {}): Promise<string> {
    tokens.push(token)
    const headers = { ...init.headers, authorization: `Bearer ${token}` }
    const response = await fetch(`${url()}${path}`, { ...init, headers })
    const body = await response.text()
    const answer = Object(JSON.parse(body))
    if (response.ok && typeof answer.code === 'string') codes.push(answer.code)
    else bodies.push(body)
    if (answer.valid === true) return '200 valid'
    return response.ok ? '200' : `${response.status} ${answer.code ?? listUnavailable(answer)}`
  }

  const asApp = async (path: string, init?: RequestInit) => await send(path, await cloud.tokens.forApi(caller), init)

  const asks: Readonly<Record<Endpoint, () => Promise<string>>> = {
    readyz: () => asApp('/readyz'),
    getcode: () => asApp('/api/v1/getcode'),
    verify: () => asApp('/api/v1/codes/verify', post({ code: UNKNOWN_CODE })),
    'hello app': () => asApp('/api/v1/hello-graph'),
    'hello user': async () => await send('/api/v1/hello-graph', await cloud.tokens.mint({ as: 'user' })),
    forged: async () => await send('/api/v1/getcode', forge(await cloud.tokens.forApi(caller))),
  }

  return {
    /** Every code that was handed out. */
    codes,
    /** Every token that was sent. */
    tokens,
    /** Every answer but those with a code. */
    bodies,
    /** @returns the status, with the problem's code or the parts that are not ready */
    ask: async (endpoint: Endpoint) => await asks[endpoint]().catch((error: unknown) => `no answer: ${String(error)}`),
    /** Uses a code. Looking often for one that is not valid yet is no search: each look is another caller's. */
    async verify(code: string): Promise<boolean> {
      const token = await cloud.tokens.forApi(caller, { azp: `verifier-${tokens.length}` })
      return (await send('/api/v1/codes/verify', token, post({ code }))) === '200 valid'
    },
  }
}

/** With a signature that nobody made. */
function forge(token: string): string {
  const [header, claims, signature = ''] = token.split('.')
  return `${header}.${claims}.${signature.startsWith('A') ? 'B' : 'A'}${signature.slice(1)}`
}

function post(body: unknown): RequestInit {
  return { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }
}

function listUnavailable({ checks }: { checks?: Readonly<Record<string, string>> }): string {
  const parts = Object.entries(checks ?? {}).filter(([, state]) => state !== 'ok')
  return parts.map(([part]) => part).join(' ')
}
