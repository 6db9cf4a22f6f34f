import { randomBytes, sign } from 'node:crypto'
import { promisify } from 'node:util'
import { createClaims } from '../../src/testing/token-claims.ts'
import { type Identity, kid } from './identity.ts'

const LIFETIME_SECONDS = 3_600
/** Entra dates its tokens back by this much. */
const BACKDATED_SECONDS = 300

/** Signs in Node's thread pool, on every core. */
const signInPool = promisify(sign)

/** Which token: an accepted one, or how it is bad. */
export type TokenKind = 'good' | 'garbage' | 'unknown kid' | 'expired' | 'wrong audience' | 'bad signature' | 'no token'

/**
 * One token of a kind.
 * @param index which caller sends it: every index is another application
 */
export async function mintToken(identity: Identity, kind: TokenKind, index: number): Promise<string> {
  switch (kind) {
    case 'good':
      return await signToken(identity, { kid }, claimsOf(identity, index))
    case 'garbage':
      return [81, 866, 342].map(randomText).join('.')
    case 'unknown kid':
      return await signToken(identity, { kid: `unknown-${index}` }, claimsOf(identity, index))
    case 'expired':
      return await signToken(identity, { kid }, toExpired(claimsOf(identity, index)))
    case 'wrong audience':
      return await signToken(identity, { kid }, { ...claimsOf(identity, index), aud: guid(9, index) })
    case 'bad signature':
      // What an attacker can do: the signature of a token that was issued, under other claims.
      return `${unsigned({ kid }, claimsOf(identity, index + 1))}.${await signatureOf(identity, claimsOf(identity, index))}`
    case 'no token':
      return ''
  }
}

type Claims = Record<string, unknown>

/** An app-only token as Entra writes it, with the claims of its own (`aio`, `rh`) that make it as long as a real one. */
function claimsOf({ mintedAt }: Identity, index: number): Claims {
  const issuedAt = Math.floor(mintedAt / 1_000)
  const objectId = guid(2, index)
  return {
    ...createClaims({ issuer: 'v2', caller: 'app', roles: ['Codes.Issue'], scopes: [] }),
    azp: guid(1, index),
    oid: objectId,
    sub: objectId,
    uti: guid(3, index).replaceAll('-', ''),
    aio: `k2RgYHi${'vRTTqqv5dKJY2bPJ9'.repeat(5)}`,
    rh: `1.AXkA${'AEcd0d2yZUqgUIMWEBZ3'.repeat(4)}.`,
    iat: issuedAt - BACKDATED_SECONDS,
    nbf: issuedAt - BACKDATED_SECONDS,
    exp: issuedAt + LIFETIME_SECONDS,
  }
}

function toExpired(claims: Claims): Claims {
  return { ...claims, exp: Number(claims['iat']) - LIFETIME_SECONDS }
}

async function signToken(identity: Identity, header: Claims, claims: Claims): Promise<string> {
  const input = unsigned(header, claims)
  const signature = await signInPool('sha256', Buffer.from(input), identity.privateKey)
  return `${input}.${signature.toString('base64url')}`
}

async function signatureOf(identity: Identity, claims: Claims): Promise<string> {
  return (await signToken(identity, { kid }, claims)).split('.')[2] ?? ''
}

function unsigned(header: Claims, claims: Claims): string {
  return `${encode({ typ: 'JWT', alg: 'RS256', ...header })}.${encode(claims)}`
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function randomText(length: number): string {
  return randomBytes(length).toString('base64url').slice(0, length)
}

function guid(kind: number, index: number): string {
  return `${kind}0000000-bbbb-4bbb-8bbb-${index.toString(16).padStart(12, '0')}`
}
