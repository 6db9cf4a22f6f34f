import { setTimeout as sleep } from 'node:timers/promises'

/** How long a code rests before it is asked for, the first time and again. */
const REST_MS = 1_000

interface Entry {
  code: string
  /** When to ask for it next. */
  atMs: number
  /** An answer was lost: it may be used by now. */
  isUnclear: boolean
}

interface LedgerOptions {
  /** Whether the service says that a code is valid; undefined without a clear answer. */
  verify(code: string): Promise<boolean | undefined>
  /** Whether the code has been used, by the table itself. */
  isUsed(code: string): Promise<boolean>
}

/** Every code that was handed out, until it was valid, which it has to be exactly once. */
export function createLedger({ verify, isUsed }: LedgerOptions) {
  const waiting: Entry[] = []
  const unsettled = new Set<string>()
  let issued = 0
  let validTwice = 0

  async function settle(entry: Entry): Promise<void> {
    const isValid = await verify(entry.code)
    if (isValid === undefined) entry.isUnclear = true
    if (isValid === true && (await verify(entry.code)) === true) validTwice += 1
    if (isValid === true || (isValid === false && entry.isUnclear && (await isUsed(entry.code)))) {
      unsettled.delete(entry.code)
    } else waiting.push({ ...entry, atMs: Date.now() + REST_MS })
  }

  return {
    add(code: string): void {
      issued += 1
      unsettled.add(code)
      waiting.push({ code, atMs: Date.now() + REST_MS, isUnclear: false })
    },
    /** Asks for one code after the other, until `isOver`; several may do so. */
    async work(isOver: () => boolean): Promise<void> {
      while (!isOver()) {
        const entry = waiting.shift()
        if (entry === undefined) await sleep(20)
        else {
          await sleep(Math.max(0, Math.min(entry.atMs - Date.now(), REST_MS)))
          await settle(entry)
        }
      }
    },
    get issued(): number {
      return issued
    },
    get validTwice(): number {
      return validTwice
    },
    /** Those that were not valid yet. */
    get open(): string[] {
      return [...unsettled]
    },
  }
}
