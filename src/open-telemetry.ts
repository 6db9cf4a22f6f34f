import { createRequire } from 'node:module'
import { createAzureSdkInstrumentation } from '@azure/opentelemetry-instrumentation-azure-sdk'
import { FastifyOtelInstrumentation } from '@fastify/otel'
import { context, propagation, ROOT_CONTEXT, type Span, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { suppressTracing } from '@opentelemetry/core'
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto'
import { registerInstrumentations } from '@opentelemetry/instrumentation'
import { UndiciInstrumentation } from '@opentelemetry/instrumentation-undici'
import {
  defaultResource,
  detectResources,
  envDetector,
  type Resource,
  resourceFromAttributes,
} from '@opentelemetry/resources'
import { BatchSpanProcessor, NodeTracerProvider, type SpanProcessor } from '@opentelemetry/sdk-trace-node'
import type { FastifyPluginCallback, FastifyRequest } from 'fastify'
import { withDeadline } from './azure/deadline.ts'
import type { TracingConfig } from './config.ts'
import type { CallTracing } from './plugins/observed-calls.ts'
import { createSpanCleaner } from './span-cleaner.ts'

/** Somebody asks every few seconds, and nobody looks for the answer. */
const UNTRACED = ['/healthz', '/readyz']
/** A collector that is silent does not hold up the end of the process for longer. */
const SEND_REST_WITHIN_MS = 3_000

export interface Tracing extends CallTracing {
  /** A span for every request, in the caller's trace. Before any hook that is to be part of it. */
  plugin: FastifyPluginCallback
  traceIdOf(request: FastifyRequest): string | undefined
  /** Does work that began elsewhere, as the W3C's `traceparent` says. */
  continueTrace<T>(traceparent: string | undefined, name: string, work: () => Promise<T>): Promise<T>
  /** Sends what is not sent yet. */
  stop(): Promise<void>
}

/** Loaded only where a variable asks for traces. The SDK reads further `OTEL_*` variables itself. */
export async function startOpenTelemetry(config: TracingConfig, serviceName: string): Promise<Tracing> {
  const resource = defaultResource()
    .merge(resourceFromAttributes({ 'service.name': serviceName }))
    .merge(detectResources({ detectors: [envDetector] }))
  const hasCollector = (config.OTEL_EXPORTER_OTLP_TRACES_ENDPOINT ?? config.OTEL_EXPORTER_OTLP_ENDPOINT) !== undefined
  const spanProcessors: SpanProcessor[] = [
    createSpanCleaner(),
    ...(hasCollector ? [new BatchSpanProcessor(new OTLPTraceExporter())] : []),
  ]
  const shutDown =
    config.APPLICATIONINSIGHTS_CONNECTION_STRING === undefined
      ? startProvider(new NodeTracerProvider({ resource, spanProcessors }))
      : await startAzureMonitor(config.APPLICATIONINSIGHTS_CONNECTION_STRING, { resource, spanProcessors })
  // Azure Monitor takes away whatever provider there was: instrumentations come after it.
  const fastifyOtel = instrument()
  const tracer = trace.getTracer('fastify-entra')

  return {
    plugin: fastifyOtel.plugin(),
    traceIdOf: (request) => trace.getSpanContext(request.opentelemetry().context ?? ROOT_CONTEXT)?.traceId,
    async traceCall(target, call) {
      // What goes on in the background would make a trace each time.
      if (trace.getActiveSpan() === undefined) return await context.with(suppressTracing(context.active()), call)
      return await tracer.startActiveSpan(target, (span) => endWith(span, call))
    },
    readTraceparent() {
      const carrier: { traceparent?: string } = {}
      propagation.inject(context.active(), carrier)
      return carrier.traceparent
    },
    async continueTrace(traceparent, name, work) {
      if (traceparent === undefined) return await work()
      const parent = propagation.extract(ROOT_CONTEXT, { traceparent })
      return await tracer.startActiveSpan(name, { kind: SpanKind.CONSUMER }, parent, (span) => endWith(span, work))
    },
    stop: () => withDeadline(shutDown, SEND_REST_WITHIN_MS).catch(() => undefined),
  }
}

async function endWith<T>(span: Span, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR })
    throw error
  } finally {
    span.end()
  }
}

/** Requests that come, those that go out over undici, and what the Azure SDKs do. */
function instrument(): FastifyOtelInstrumentation {
  const fastifyOtel = new FastifyOtelInstrumentation({
    instrumentHooks: false,
    recordExceptions: false,
    ignorePaths: ({ url }) => UNTRACED.some((path) => url === path || url.startsWith(`${path}?`)),
    requestHook: (span, request) => span.updateName(`${request.method} ${request.routeOptions.url ?? ''}`.trim()),
  })
  registerInstrumentations({
    instrumentations: [
      fastifyOtel,
      new UndiciInstrumentation({ requireParentforSpans: true }),
      createAzureSdkInstrumentation(),
    ],
  })
  // The instrumentation waits for a `require`, and the SDKs are imported; both have the same state.
  createRequire(import.meta.url)('@azure/core-tracing')
  return fastifyOtel
}

function startProvider(provider: NodeTracerProvider): () => Promise<void> {
  provider.register()
  return () => provider.shutdown()
}

async function startAzureMonitor(
  connectionString: string,
  options: { resource: Resource; spanProcessors: SpanProcessor[] },
): Promise<() => Promise<void>> {
  const { shutdownAzureMonitor, useAzureMonitor } = await import('@azure/monitor-opentelemetry')
  useAzureMonitor({
    ...options,
    azureMonitorExporterOptions: { connectionString },
    // Traces alone; and requests are those of Fastify and undici, not of node:http below them.
    instrumentationOptions: { http: { enabled: false } },
    enableLiveMetrics: false,
    enableStandardMetrics: false,
    enablePerformanceCounters: false,
  })
  return async () => await shutdownAzureMonitor()
}
