import type { SpanProcessor } from '@opentelemetry/sdk-trace-node'

/** Where instrumentations write URLs: `http.*` are the older names. */
const URL_ATTRIBUTES = ['url.full', 'url.path', 'url.query', 'http.url', 'http.target']
/** In the URL of a row of the table: the digest of a code, which can be turned back into the code. */
const ROW_KEY = /RowKey='[^']*'|RowKey=%27[^%]*%27/gi

/**
 * Takes out of spans what no log has either: queries of URLs, where people put tokens by mistake and Azure its receipts,
 * digests of codes, and texts of errors, which can have a whole answer in them.
 */
export function createSpanCleaner(): SpanProcessor {
  return {
    onStart: () => undefined,
    onEnding(span) {
      for (const name of URL_ATTRIBUTES) {
        const value = span.attributes[name]
        if (typeof value === 'string') span.setAttribute(name, name === 'url.query' ? '' : cleanUrl(value))
      }
      for (const { attributes } of span.events) {
        delete attributes?.['exception.message']
        delete attributes?.['exception.stacktrace']
      }
      if (span.status.message !== undefined) span.setStatus({ code: span.status.code })
    },
    onEnd: () => undefined,
    forceFlush: async () => undefined,
    shutdown: async () => undefined,
  }
}

function cleanUrl(url: string): string {
  return url.replace(/\?.*$/s, '').replace(ROW_KEY, "RowKey='…'")
}
