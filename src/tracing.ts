import type { TracingConfig } from './config.ts'
import type { Tracing } from './open-telemetry.ts'
import { ConfigError } from './read-variables.ts'

const AZURE_MONITOR = '@azure/monitor-opentelemetry'
/** All of them come together, as optional dependencies. */
const OPEN_TELEMETRY = '@opentelemetry/sdk-trace-node'

/** @throws {ConfigError} when traces are asked for and what they need is not installed */
export function assertTracesPossible<T extends TracingConfig>(config: T): T {
  const asking = whoAsks(config)
  const missing = [
    ...(asking === undefined ? [] : [OPEN_TELEMETRY]),
    ...(asking === 'APPLICATIONINSIGHTS_CONNECTION_STRING' ? [AZURE_MONITOR] : []),
  ].filter((name) => !isInstalled(name))
  if (missing.length === 0) return config
  throw new ConfigError(
    missing.map((name) => `${asking} asks for traces, and ${name} is not installed: npm install ${name}`),
  )
}

/**
 * Starts traces if a variable asks for them. Otherwise nothing of them is loaded.
 * @param serviceName unless OTEL_SERVICE_NAME has another one
 */
export async function startTracing(config: TracingConfig, serviceName: string): Promise<Tracing | undefined> {
  if (whoAsks(config) === undefined) return undefined
  const { startOpenTelemetry } = await import('./open-telemetry.ts')
  return await startOpenTelemetry(config, serviceName)
}

function whoAsks(config: TracingConfig): keyof TracingConfig | undefined {
  if (config.OTEL_SDK_DISABLED === true) return undefined
  const names = [
    'APPLICATIONINSIGHTS_CONNECTION_STRING',
    'OTEL_EXPORTER_OTLP_TRACES_ENDPOINT',
    'OTEL_EXPORTER_OTLP_ENDPOINT',
  ] as const
  return names.find((name) => config[name] !== undefined)
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name)
    return true
  } catch {
    return false
  }
}
