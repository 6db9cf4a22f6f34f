import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto'

const ALGORITHM = 'aes-256-gcm'
const KEY_BYTES = 32
/** NIST SP 800-38D, section 8.2.2: random, of 96 bits; far fewer than 2³² texts are sealed with one key. */
const IV_BYTES = 12
const TAG_BYTES = 16
/** What `openssl rand -base64 32` prints has 44 characters; hexadecimal has 64. */
const MIN_SECRET_LENGTH = 43

interface Key {
  id: string
  sealing: Buffer
  signing: Buffer
}

/**
 * Keeps texts secret and whole where others might read and write.
 * @param secrets what the vault holds: one key, or several separated by commas, of which the first seals and all open
 * @throws {Error} when one is too short to be a key
 */
export function createSealer(secrets: string) {
  const keys = secrets.split(',').map((secret) => deriveKey(secret.trim()))
  const [current] = keys
  if (current === undefined) throw new Error('there is no session key')
  return {
    /** Secrets for signing cookies, the one in use first. */
    signingSecrets: keys.map(({ signing }) => signing),
    /** @param context where the text belongs; it opens nowhere else */
    seal(text: string, context: string): string {
      const iv = randomBytes(IV_BYTES)
      const cipher = createCipheriv(ALGORITHM, current.sealing, iv).setAAD(Buffer.from(context))
      const sealed = Buffer.concat([iv, cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
      return `${current.id}.${sealed.toString('base64url')}`
    },
    /** @returns undefined when it was sealed with a key that is gone, for another place, or changed since */
    open(sealed: string, context: string): string | undefined {
      const [id, body = ''] = sealed.split('.')
      const key = keys.find((candidate) => candidate.id === id)
      const bytes = Buffer.from(body, 'base64url')
      if (key === undefined || bytes.length < IV_BYTES + TAG_BYTES) return undefined
      const decipher = createDecipheriv(ALGORITHM, key.sealing, bytes.subarray(0, IV_BYTES), {
        authTagLength: TAG_BYTES,
      })
      decipher.setAAD(Buffer.from(context)).setAuthTag(bytes.subarray(-TAG_BYTES))
      try {
        return decipher.update(bytes.subarray(IV_BYTES, -TAG_BYTES), undefined, 'utf8') + decipher.final('utf8')
      } catch {
        return undefined
      }
    },
  }
}

export type Sealer = ReturnType<typeof createSealer>

function deriveKey(secret: string): Key {
  if (secret.length < MIN_SECRET_LENGTH)
    throw new Error('the session key is too short: make one with openssl rand -base64 32')
  const derive = (purpose: string, bytes = KEY_BYTES) =>
    Buffer.from(hkdfSync('sha256', secret, '', `fastify-entra ${purpose}`, bytes))
  return { id: derive('key id', 6).toString('base64url'), sealing: derive('sealing'), signing: derive('cookies') }
}
