import { randomUUID } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'

/** Letters, digits and what ids are written with; nothing that could be mistaken for more than an id in a log. */
const SANE_ID = /^[\w.:+/=-]{8,128}$/
/** Trace Context (W3C), section 3.2: version, trace id, parent id, flags; ids of zeros and version ff are not valid. */
const TRACEPARENT = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:$|(?<!^00.*)-)/

/** The caller's own id for the request, if it looks sane, or else a new one. */
export function chooseRequestId(headers: IncomingHttpHeaders): string {
  const given = headers['x-request-id']
  return typeof given === 'string' && SANE_ID.test(given) ? given : randomUUID()
}

/** The trace that the caller says this request is part of. */
export function readTraceId({ traceparent }: IncomingHttpHeaders): string | undefined {
  return typeof traceparent === 'string' ? TRACEPARENT.exec(traceparent)?.[1] : undefined
}
