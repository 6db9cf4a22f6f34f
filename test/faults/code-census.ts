import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { LocalCloud } from '../../local-cloud/cloud.ts'
import { caller } from '../../local-cloud/directory.ts'
import { createCredential } from '../../src/azure/credential.ts'
import { createStorageTable } from '../../src/azure/storage-table.ts'
import { digestOf, keysOf } from '../../src/codes/code-record.ts'
import { UnavailableError } from '../../src/errors.ts'

interface Issued {
  code: string
  timestampMs: number
}

/** A neighbour took too long, as all of them do on a machine that has too much to do. */
const isBusy = ({ statusCode }: { statusCode: number }) => statusCode === 503 || statusCode === 504

/** Tries three times what a busy machine may make too slow once. */
export async function patiently<T>(attempt: () => Promise<T>, more = 2): Promise<T> {
  try {
    return await attempt()
  } catch (error) {
    if (more === 0 || !(error instanceof UnavailableError)) throw error
    return await patiently(attempt, more - 1)
  }
}

/** Whoever asks for codes and checks them, through the API. */
export async function createCensus(cloud: LocalCloud, app: FastifyInstance) {
  const authorization = `Bearer ${await cloud.tokens.forApi(caller)}`

  async function issue(): Promise<Issued> {
    const response = await app.inject({ url: '/api/v1/getcode', headers: { authorization } })
    if (isBusy(response)) {
      await sleep(500)
      return await issue()
    }
    assert.equal(response.statusCode, 200, response.body)
    const { code, timestamp } = response.json()
    return { code, timestampMs: Date.parse(timestamp) }
  }

  const table = createStorageTable({ url: cloud.storage.tableUrl, credential: createCredential() })
  /** The table took too long on this machine, and nobody knows whether that verification used the code. */
  const unanswered = new Set<string>()
  let verifiers = 0
  /** Each as another caller: looking often for a code that is not valid yet is no search. */
  async function verify(code: string): Promise<boolean> {
    verifiers += 1
    const as = `Bearer ${await cloud.tokens.forApi(caller, { azp: `verifier-${Math.floor(verifiers / 50)}` })}`
    const url = '/api/v1/codes/verify'
    const response = await app.inject({ method: 'POST', url, headers: { authorization: as }, payload: { code } })
    if (isBusy(response)) {
      unanswered.add(code)
      await sleep(500)
      return await verify(code)
    }
    assert.equal(response.statusCode, 200, response.body)
    return response.json().valid
  }

  async function wasTrue(code: string): Promise<boolean> {
    if (await verify(code)) return true
    return unanswered.has(code) && (await table.find(keysOf(digestOf(code))))?.properties['state'] === 'used'
  }

  return {
    issue,
    verify,
    /** @returns how many of the codes were true at some time until `withinMs` from now */
    async countValid(codes: readonly Issued[], withinMs: number): Promise<number> {
      const deadline = Date.now() + withinMs
      let open = codes
      while (open.length > 0 && Date.now() < deadline) {
        const answers: boolean[] = []
        for (const { code } of open) answers.push(await wasTrue(code))
        open = open.filter((_, index) => answers[index] !== true)
        if (open.length > 0) await sleep(100)
      }
      return codes.length - open.length
    },
    /** @returns how many of the codes are true now */
    async countTrue(codes: readonly Issued[]): Promise<number> {
      let count = 0
      for (const { code } of codes) if (await verify(code)) count += 1
      return count
    },
  }
}
