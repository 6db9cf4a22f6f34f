import { createHash, generateKeyPair, type KeyObject, randomUUID } from 'node:crypto'
import { promisify } from 'node:util'
import { exportJWK, type JWK, type JWTPayload, jwtVerify, SignJWT } from 'jose'
import type { Clock } from '../clock.ts'

interface SigningKey {
  kid: string
  privateKey: KeyObject
  publicKey: KeyObject
  jwk: JWK
}

/** Claims to add or change; `undefined` leaves a claim out. */
export type Changes = Readonly<Record<string, unknown>>

/** Signs tokens as Entra does and publishes the keys. Knows nothing of who may have which token. */
export async function createIssuer(clock: Clock) {
  let keys: SigningKey[] = [await createSigningKey()]

  function currentKey(): SigningKey {
    const key = keys[0]
    if (key === undefined) throw new Error('the issuer has no signing key')
    return key
  }

  return {
    /**
     * @param claims what the token says; the times are added, and as in Entra lie five minutes back
     * @param header changes to the header
     */
    async sign(claims: Changes, header: Changes = {}): Promise<string> {
      const { kid, privateKey } = currentKey()
      const now = clock.nowSeconds()
      const payload = withoutUndefined({
        iat: now - 300,
        nbf: now - 300,
        exp: now + 3_599,
        uti: randomUUID(),
        ...claims,
      })
      return await new SignJWT(payload)
        .setProtectedHeader({ typ: 'JWT', alg: 'RS256', kid, x5t: kid, ...header })
        .sign(privateKey)
    },
    /** @throws when the token is not for this audience, has expired, or was not signed here */
    async verify(token: string, audience: string): Promise<JWTPayload> {
      const { payload } = await jwtVerify(
        token,
        ({ kid }) => {
          const key = keys.find((candidate) => candidate.kid === kid)
          if (key === undefined) throw new Error('the token was not signed here')
          return key.publicKey
        },
        { audience, algorithms: ['RS256'], currentDate: new Date(clock.nowSeconds() * 1_000) },
      )
      return payload
    },
    /** Entra's keys carry no `alg`. */
    publicKeys: (issuer: string): JWK[] => keys.map(({ jwk }) => ({ ...jwk, issuer })),
    get kid(): string {
      return currentKey().kid
    },
    /** Signs with a new key from now on. The old ones stay published unless `keepOld` is false. */
    async rotateKeys({ keepOld = true } = {}): Promise<void> {
      keys = [await createSigningKey(), ...(keepOld ? keys : [])]
    },
  }
}

export type Issuer = Awaited<ReturnType<typeof createIssuer>>

async function createSigningKey(): Promise<SigningKey> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)('rsa', { modulusLength: 2_048 })
  const kid = createHash('sha1')
    .update(publicKey.export({ type: 'spki', format: 'der' }))
    .digest('base64url')
  return { kid, privateKey, publicKey, jwk: { ...(await exportJWK(publicKey)), kid, x5t: kid, use: 'sig' } }
}

function withoutUndefined(claims: Changes): JWTPayload {
  return Object.fromEntries(Object.entries(claims).filter(([, value]) => value !== undefined))
}
