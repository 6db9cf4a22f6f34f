/** The most bytes of one message ('Put Message', Azure Storage REST API), counted before XML escapes anything. */
const MAX_MESSAGE_BYTES = 64 * 1_024
/** XML 1.0, section 2.2: no control character but tab, LF and CR, no half of a surrogate pair, no U+FFFE and U+FFFF. */
const NOT_IN_XML = /[\p{Cs}\uFFFE\uFFFF]|(?![\t\n\r\u007F-\u009F])\p{Cc}/u
const ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&apos;',
}

/** No queue takes this message, now or later. Says what is wrong with it, and nothing of what it carries. */
export class UnsendableMessageError extends Error {
  override readonly name = 'UnsendableMessageError'
}

/** @throws {UnsendableMessageError} when the text, as it is to be on the queue, is too long or cannot be in XML */
export function assertSendable(text: string): void {
  const bytes = Buffer.byteLength(text)
  if (bytes > MAX_MESSAGE_BYTES) {
    throw new UnsendableMessageError(`the message has ${bytes} bytes, and a queue takes ${MAX_MESSAGE_BYTES} at most`)
  }
  const found = NOT_IN_XML.exec(text)
  if (found === null) return
  const codePoint = found[0].charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')
  throw new UnsendableMessageError(`the message has U+${codePoint} at position ${found.index}, which XML cannot carry`)
}

/** The body of Put Message, byte for byte as Azure's own client writes it. */
export function formatQueueMessage(text: string): string {
  const escaped = text.replace(/[&<>"']/g, (character) => ESCAPES[character] ?? character)
  return `<?xml version="1.0" encoding="UTF-8" standalone="yes"?><QueueMessage><MessageText>${escaped}</MessageText></QueueMessage>`
}
