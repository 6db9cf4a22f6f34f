import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyReply, RawServerBase, RouteGenericInterface } from 'fastify'

export type Part = 'entra' | 'managedIdentity' | 'keyVault' | 'numberApi' | 'graph'

export interface Fault {
  /** Milliseconds before anything else happens. */
  latencyMs?: number
  /** The connection is cut without an answer. */
  outage?: boolean
  /** No answer ever comes, and the connection stays open. */
  silence?: boolean
  /** Answered instead of the real thing. */
  answer?: { status: number; body?: string; headers?: Record<string, string> }
  /** Share of requests that are hit, 0 to 1; default all. */
  rate?: number
  /** How many requests are hit before all is well again; default all. */
  times?: number
}

/** Switches that make parts of the local cloud fail. */
export function createFaults() {
  const faults = new Map<Part, Fault>()
  const counts = new Map<Part, number>()

  function takeOne(part: Part, fault: Fault, times: number): void {
    if (times <= 1) faults.delete(part)
    else faults.set(part, { ...fault, times: times - 1 })
  }

  return {
    /** How many requests a part has got. */
    count: (part: Part): number => counts.get(part) ?? 0,
    set(part: Part, fault: Fault): void {
      faults.set(part, fault)
    },
    clear(): void {
      faults.clear()
    },
    /** Does to a request what the switches of its part say; an `onRequest` hook. */
    async apply(part: Part, reply: FastifyReply<RouteGenericInterface, RawServerBase>): Promise<unknown> {
      counts.set(part, (counts.get(part) ?? 0) + 1)
      const fault = faults.get(part)
      if (fault === undefined || Math.random() >= (fault.rate ?? 1)) return undefined
      if (fault.times !== undefined) takeOne(part, fault, fault.times)
      if (fault.latencyMs !== undefined) await sleep(fault.latencyMs)
      if (fault.outage) reply.raw.socket?.destroy()
      if (fault.outage || fault.silence) return reply.hijack()
      const { answer } = fault
      if (answer === undefined) return undefined
      return reply
        .code(answer.status)
        .headers(answer.headers ?? {})
        .send(answer.body ?? '')
    },
  }
}

export type Faults = ReturnType<typeof createFaults>
