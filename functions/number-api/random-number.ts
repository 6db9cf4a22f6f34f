import { randomInt } from 'node:crypto'
import type { HttpResponseInit } from '@azure/functions'

/** `GET /api/RandomNumber`: a whole number from 1 to 1000. */
export function randomNumber() {
  return {
    headers: { 'cache-control': 'no-store' },
    jsonBody: { value: randomInt(1, 1_001) },
  } satisfies HttpResponseInit
}
