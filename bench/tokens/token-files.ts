import { mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { createIdentity, type Identity, parseIdentity, stringifyIdentity } from './identity.ts'
import { mintToken, type TokenKind } from './mint.ts'

/** Tokens live for an hour: from here on a run could outlive them. */
const USE_FOR_MS = 40 * 60 * 1_000
/** Signatures in flight: enough to keep the thread pool busy. */
const BATCH = 64

/**
 * Files of tokens, one a line. They are kept in the system's folder for temporary files for as long as they are valid: to
 * sign 100,000 of them takes a quarter of a minute. The key beside them is trusted by nothing but the benchmark.
 */
export async function openTokenFiles() {
  const folder = join(tmpdir(), `fastify-entra-bench-${userInfo().username}`)
  const identity = (await readIdentity(folder)) ?? (await startAnew(folder))
  return {
    identity,
    /** @returns the path of a file with one token from elsewhere */
    async keep(name: string, token: string): Promise<string> {
      const path = join(folder, `${name}.txt`)
      await writeFile(path, token, { mode: 0o600 })
      return path
    },
    /** @returns the path of a file with so many tokens, each of another caller */
    async file(kind: TokenKind, count: number): Promise<string> {
      const path = join(folder, `${kind.replaceAll(' ', '-')}-${count}.txt`)
      if (await exists(path)) return path
      const unfinished = `${path}.${process.pid}`
      await writeFile(unfinished, (await mintMany(identity, kind, count)).join('\n'))
      await rename(unfinished, path)
      return path
    },
  }
}

export type TokenFiles = Awaited<ReturnType<typeof openTokenFiles>>

async function readIdentity(folder: string): Promise<Identity | undefined> {
  try {
    const identity = parseIdentity(await readFile(join(folder, 'identity.json'), 'utf8'))
    return Date.now() - identity.mintedAt < USE_FOR_MS ? identity : undefined
  } catch {
    return undefined
  }
}

async function startAnew(folder: string): Promise<Identity> {
  await rm(folder, { recursive: true, force: true })
  await mkdir(folder, { mode: 0o700 })
  const identity = createIdentity()
  await writeFile(join(folder, 'identity.json'), stringifyIdentity(identity), { mode: 0o600 })
  return identity
}

async function exists(path: string): Promise<boolean> {
  return await stat(path).then(
    () => true,
    () => false,
  )
}

async function mintMany(identity: Identity, kind: TokenKind, count: number): Promise<string[]> {
  const tokens: string[] = []
  while (tokens.length < count) {
    const first = tokens.length
    const batch = Array.from({ length: Math.min(BATCH, count - first) }, (_, i) => mintToken(identity, kind, first + i))
    tokens.push(...(await Promise.all(batch)))
  }
  return tokens
}
