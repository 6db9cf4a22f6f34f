import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const DEFAULT_FILE = join(import.meta.dirname, '..', '.env.local')
const HEADING = '# Points at the local cloud. Written when it starts, and removed when it stops.'

/** The file, `.env.local` unless told otherwise, where `npm run token`, `call` and `queue` find the local cloud. */
export function createEnvFile(file = DEFAULT_FILE) {
  let content = ''
  return {
    write(env: Readonly<Record<string, string>>): void {
      content = `${[HEADING, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)].join('\n')}\n`
      writeFileSync(file, content, { mode: 0o600 })
    },
    /** Leaves the file alone when somebody else wrote it since. */
    remove(): void {
      try {
        if (readFileSync(file, 'utf8') === content) rmSync(file)
      } catch {
        // It is gone already.
      }
    },
  }
}
