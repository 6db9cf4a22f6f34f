import { join } from 'node:path'
import type { FastifyInstance } from 'fastify'
import type { LocalCloud } from '../../local-cloud/cloud.ts'
import { loadWorkerConfig } from '../../src/config.ts'
import { buildWorker } from '../../src/worker-app.ts'
import { type Running, root, start } from './processes.ts'

type Test = Parameters<typeof start>[0]

/** The real worker in this process, at work when this resolves. */
export async function startWorker(
  t: Test,
  cloud: LocalCloud,
  changes: Record<string, string> = {},
): Promise<FastifyInstance> {
  const worker = await buildWorker(loadWorkerConfig({ ...cloud.serviceEnv, LOG_LEVEL: 'silent', ...changes }))
  t.after(() => worker.close())
  await worker.ready()
  return worker
}

/**
 * The real worker as a process of its own.
 * @param clockOffsetSeconds how far its clock is ahead of this machine's
 */
export function startWorkerProcess(
  t: Test,
  cloud: LocalCloud,
  changes: Record<string, string> = {},
  clockOffsetSeconds = 0,
): Running {
  const env = { ...process.env, ...cloud.serviceEnv, CLOCK_OFFSET_SECONDS: String(clockOffsetSeconds), ...changes }
  const preload = clockOffsetSeconds === 0 ? [] : ['--import', join(import.meta.dirname, 'shift-clock.mjs')]
  return start(t, process.execPath, [...preload, join(root, 'src/worker.ts')], { env })
}
