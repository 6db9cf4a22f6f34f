import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { LocalCloud } from '../../local-cloud/cloud.ts'
import { caller } from '../../local-cloud/directory.ts'

interface Issued {
  code: string
  timestampMs: number
}

/** Whoever asks for codes and checks them, through the API and nothing else. */
export async function createCensus(cloud: LocalCloud, app: FastifyInstance) {
  const authorization = `Bearer ${await cloud.tokens.forApi(caller)}`

  async function issue(): Promise<Issued> {
    const response = await app.inject({ url: '/api/v1/getcode', headers: { authorization } })
    assert.equal(response.statusCode, 200, response.body)
    const { code, timestamp } = response.json()
    return { code, timestampMs: Date.parse(timestamp) }
  }

  let verifiers = 0
  /** Each as another caller: looking often for a code that is not valid yet is no search. */
  async function verify(code: string): Promise<boolean> {
    verifiers += 1
    const as = `Bearer ${await cloud.tokens.forApi(caller, { azp: `verifier-${Math.floor(verifiers / 50)}` })}`
    const url = '/api/v1/codes/verify'
    const response = await app.inject({ method: 'POST', url, headers: { authorization: as }, payload: { code } })
    assert.equal(response.statusCode, 200, response.body)
    return response.json().valid
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
        for (const { code } of open) answers.push(await verify(code))
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
