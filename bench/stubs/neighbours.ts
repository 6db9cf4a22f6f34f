/** The number API and a Storage queue, as fast as Node answers: Azurite's own speed would hide everybody else's. */
import { readFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:https'
import { reportServer } from '../child.ts'
import { portOf } from '../port-of.ts'

const { BENCH_CERT_FILE = '', BENCH_KEY_FILE = '', BENCH_NUMBER_API_MS = '0' } = process.env
/** The number API takes so long, the queue no time. */
const numberApiMs = Number(BENCH_NUMBER_API_MS)

const NUMBER = JSON.stringify({ value: 161 })
/** The answer of Put Message ('Put Message', Azure Storage REST API). */
const MESSAGES =
  '\ufeff<?xml version="1.0" encoding="utf-8"?><QueueMessagesList><QueueMessage>' +
  '<MessageId>1e4d0c5a-6d6e-4c4f-9d5c-0b7a4f0c9d11</MessageId>' +
  '<InsertionTime>Fri, 20 Nov 2026 16:54:48 GMT</InsertionTime>' +
  '<ExpirationTime>Fri, 27 Nov 2026 16:54:48 GMT</ExpirationTime>' +
  '<PopReceipt>AgAAAAMAAAAAAAAAwN5qfmhb3AE=</PopReceipt>' +
  '<TimeNextVisible>Fri, 20 Nov 2026 16:54:48 GMT</TimeNextVisible>' +
  '</QueueMessage></QueueMessagesList>'
const QUEUE_HEADERS = {
  server: 'Windows-Azure-Queue/1.0 Microsoft-HTTPAPI/2.0',
  'x-ms-request-id': '5f6d1c2b-3003-0042-0f1a-5a7e1d000000',
  'x-ms-version': '2024-11-04',
}

const server = createServer({ cert: readFileSync(BENCH_CERT_FILE), key: readFileSync(BENCH_KEY_FILE) })
server.keepAliveTimeout = 60_000
server.on('request', (request, response) => {
  if (request.method === 'POST') {
    // Acknowledged once the whole message is there.
    request.resume().once('end', () => acknowledge(response))
  } else if (request.headers['x-functions-key'] !== undefined) {
    if (numberApiMs === 0) giveNumber(response)
    else setTimeout(giveNumber, numberApiMs, response)
  } else {
    response.writeHead(200, { ...QUEUE_HEADERS, 'x-ms-approximate-messages-count': '0' }).end()
  }
})
server.listen(0, '127.0.0.1', () => reportServer(portOf(server)))

function giveNumber(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' }).end(NUMBER)
}

function acknowledge(response: ServerResponse): void {
  response
    .writeHead(201, { 'content-type': 'application/xml', 'transfer-encoding': 'chunked', ...QUEUE_HEADERS })
    .end(MESSAGES)
}
