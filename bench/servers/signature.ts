/** The least that checking a token can cost: its signature, by Node's own `crypto.verify`, with a key imported once. */

import { createPublicKey, verify } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { answerParent } from '../child.ts'

const Key = Type.Object({ kty: Type.Literal('RSA'), n: Type.String(), e: Type.String() })
const KeySet = Type.Object({ keys: Type.Array(Key, { minItems: 1 }) })

const { BENCH_KEYS = '', BENCH_TOKENS_FILE = '' } = process.env
const [jwk] = Value.Parse(KeySet, JSON.parse(BENCH_KEYS)).keys
if (jwk === undefined) throw new Error('there is no key')
const key = createPublicKey({ key: jwk, format: 'jwk' })
const token = readFileSync(BENCH_TOKENS_FILE, 'utf8')
const dot = token.lastIndexOf('.')
const input = Buffer.from(token.slice(0, dot))
const signature = Buffer.from(token.slice(dot + 1), 'base64url')

answerParent(
  {},
  {
    run(data) {
      const deadline = performance.now() + Value.Parse(Type.Number(), data)
      const before = process.cpuUsage()
      const startedAt = performance.now()
      let count = 0
      while (performance.now() < deadline) {
        if (!verify('sha256', input, key, signature)) throw new Error('the signature is wrong')
        count += 1
      }
      const { user, system } = process.cpuUsage(before)
      return { count, elapsedMs: performance.now() - startedAt, cpuMicros: user + system }
    },
  },
)
