import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { identities } from '../../src/testing/identities.ts'
import { issuerOf } from '../../src/testing/token-claims.ts'

const StoredIdentity = Type.Object({ mintedAt: Type.Number(), privateKey: Type.String() })

/** Who issues the tokens of the benchmark: the test kit's tenant and API, with a key of the benchmark's own. */
export interface Identity {
  /** Milliseconds since the epoch; tokens are valid from then on for an hour. */
  mintedAt: number
  privateKey: KeyObject
  publicKey: KeyObject
}

export const kid = 'bench-key'
const issuer = issuerOf.v2
const audience = identities.apiClientId
export const tenantId = identities.tenantId

export function createIdentity(): Identity {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2_048 })
  return { mintedAt: Date.now(), privateKey, publicKey }
}

export function parseIdentity(text: string): Identity {
  const { mintedAt, privateKey: pem } = Value.Parse(StoredIdentity, JSON.parse(text))
  return { mintedAt, privateKey: createPrivateKey(pem), publicKey: createPublicKey(pem) }
}

export function stringifyIdentity({ mintedAt, privateKey }: Identity): string {
  return JSON.stringify({ mintedAt, privateKey: privateKey.export({ type: 'pkcs8', format: 'pem' }) })
}

/** For the servers that are measured: what the issuer publishes. */
export function createPublicEnv({ publicKey }: Identity): Record<string, string> {
  const keys = [{ ...publicKey.export({ format: 'jwk' }), kid, use: 'sig' }]
  return { BENCH_KEYS: JSON.stringify({ keys }), BENCH_ISSUER: issuer, BENCH_AUDIENCE: audience }
}
