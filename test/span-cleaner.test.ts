import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SpanStatusCode } from '@opentelemetry/api'
import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node'
import { createSpanCleaner } from '../src/span-cleaner.ts'

test('what is exported of a span has no query, no digest and no text of an error', () => {
  const exporter = new InMemorySpanExporter()
  const provider = new NodeTracerProvider({ spanProcessors: [createSpanCleaner(), new SimpleSpanProcessor(exporter)] })
  const span = provider.getTracer('test').startSpan('a call')
  span.setAttributes({
    'http.url': "https://a.example/codes(PartitionKey='ab',RowKey='abcdef')?timeout=30&sig=secret",
    'url.path': '/api/v1/getcode?access_token=secret',
    'url.query': '?access_token=secret',
    'http.request.method': 'GET',
  })
  span.recordException(new Error('cannot read the answer {"value":"secret"}'))
  span.setStatus({ code: SpanStatusCode.ERROR, message: 'cannot read the answer {"value":"secret"}' })
  span.end()

  const [exported] = exporter.getFinishedSpans()
  assert.deepEqual(exported?.attributes, {
    'http.url': "https://a.example/codes(PartitionKey='ab',RowKey='…')",
    'url.path': '/api/v1/getcode',
    'url.query': '',
    'http.request.method': 'GET',
  })
  assert.deepEqual(exported?.status, { code: SpanStatusCode.ERROR })
  assert.deepEqual(
    exported?.events.map(({ attributes }) => attributes),
    [{ 'exception.type': 'Error' }],
  )
})
