import type { LocalCloud } from '../../local-cloud/cloud.ts'
import { api, caller } from '../../local-cloud/directory.ts'
import { eventually, freePort, start } from './processes.ts'

export const SERVER = ['--import', './tools/require-node.mjs', 'src/server.ts']

/** On a machine that does much else at the same time. */
const START_TIMEOUT_MS = 30_000

/** `npm start` as a process, configured by its environment alone; resolves when it listens. */
export async function startService(
  t: Parameters<typeof start>[0],
  cloud: LocalCloud,
  changes: Readonly<Record<string, string>> = {},
) {
  const port = await freePort()
  const env = { ...process.env, ...cloud.serviceEnv, PORT: String(port), ...changes }
  const service = start(t, process.execPath, SERVER, { env })
  const url = `http://127.0.0.1:${port}`
  const isListening = () =>
    fetch(`${url}/healthz`).then(
      ({ ok }) => ok,
      () => false,
    )
  await eventually(isListening, `listens: ${service.output()}`, START_TIMEOUT_MS)
  return { ...service, url, port }
}

/** From the real token endpoint. */
export async function fetchToken(cloud: LocalCloud): Promise<string> {
  const response = await fetch(`${cloud.origins.entra}/${cloud.serviceEnv.ENTRA_TENANT_ID}/oauth2/v2.0/token`, {
    method: 'POST',
    body: new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: caller.clientId,
      client_secret: caller.secret,
      scope: `${api.identifierUri}/.default`,
    }),
  })
  return Object(await response.json()).access_token
}
