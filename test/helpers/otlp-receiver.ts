import { once } from 'node:events'
import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'

export interface ReceivedSpan {
  service: string
  traceId: string
  spanId: string
  /** Empty for the first span of a trace. */
  parentSpanId: string
  name: string
  kind: 'internal' | 'server' | 'client' | 'producer' | 'consumer' | 'unspecified'
}

/** A collector: takes OTLP over HTTP in protobuf (opentelemetry-proto, `ExportTraceServiceRequest`), and keeps what came. */
export async function startOtlpReceiver(t: { after(fn: () => unknown): void }) {
  const spans: ReceivedSpan[] = []
  let text = ''
  const server = createServer(async (request, response) => {
    const body = await buffer(request)
    if (request.url === '/v1/traces' && request.headers['content-type'] === 'application/x-protobuf') {
      spans.push(...readSpans(body))
      text += body.toString('latin1')
    }
    response.writeHead(200, { 'content-type': 'application/x-protobuf' }).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return {
    url: `http://127.0.0.1:${Object(server.address()).port}`,
    spans,
    /** Everything that came; texts stand in protobuf as they are. */
    text: () => text,
  }
}

const KINDS = ['unspecified', 'internal', 'server', 'client', 'producer', 'consumer'] as const

/** By the numbers of the fields in opentelemetry/proto/trace/v1/trace.proto. */
function readSpans(body: Uint8Array): ReceivedSpan[] {
  return all(body, 1).flatMap((resourceSpans) => {
    const attributes = all(first(resourceSpans, 1), 1)
    const service = attributes.find((attribute) => toText(first(attribute, 1)) === 'service.name')
    const name = service === undefined ? '' : toText(first(first(service, 2), 1))
    return all(resourceSpans, 2).flatMap((scopeSpans) => all(scopeSpans, 2).map((span) => readSpan(span, name)))
  })
}

function readSpan(span: Uint8Array, service: string): ReceivedSpan {
  const kind = readFields(span).find(({ number }) => number === 6)
  return {
    service,
    traceId: toHex(first(span, 1)),
    spanId: toHex(first(span, 2)),
    parentSpanId: toHex(first(span, 4)),
    name: toText(first(span, 5)),
    kind: KINDS[kind?.varint ?? 0] ?? 'unspecified',
  }
}

interface Field {
  number: number
  bytes: Uint8Array
  varint: number
}

const NOTHING = new Uint8Array()
const toText = (bytes: Uint8Array) => Buffer.from(bytes).toString()
const toHex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
const all = (message: Uint8Array, number: number) =>
  readFields(message).flatMap((field) => (field.number === number ? [field.bytes] : []))
const first = (message: Uint8Array, number: number) => all(message, number)[0] ?? NOTHING

/** 'Encoding', protobuf.dev: as much of it as these messages have. */
function readFields(message: Uint8Array): Field[] {
  const fields: Field[] = []
  let at = 0
  const readVarint = () => {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = message[at] ?? 0
      at += 1
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }
  while (at < message.length) {
    const tag = readVarint()
    const type = tag & 7
    const varint = type === 0 || type === 2 ? readVarint() : 0
    const length = type === 2 ? varint : type === 1 ? 8 : type === 5 ? 4 : 0
    fields.push({ number: tag >>> 3, varint, bytes: message.subarray(at, at + length) })
    at += length
  }
  return fields
}
