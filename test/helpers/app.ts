import type { FastifyInstance } from 'fastify'
import type { LocalCloud } from '../../local-cloud/cloud.ts'
import { buildApp } from '../../src/app.ts'
import { loadConfig } from '../../src/config.ts'

/**
 * The real application on the local cloud, configured through its environment variables as in production.
 * @param changes variables that differ
 * @param extend adds to it before it is ready
 */
export async function startApp(
  t: { after(fn: () => unknown): void },
  cloud: LocalCloud,
  changes: Record<string, string> = {},
  extend: (app: FastifyInstance) => void = () => undefined,
): Promise<FastifyInstance> {
  const app = await buildApp(loadConfig({ ...cloud.serviceEnv, LOG_LEVEL: 'silent', ...changes }))
  t.after(() => app.close())
  extend(app)
  await app.ready()
  return app
}
