import { setTimeout as sleep } from 'node:timers/promises'
import { type Connection, connect } from './connection.ts'

export interface Arrival {
  status: number
  /** Milliseconds after the first one. */
  dueAtMs: number
  /** From when it was due, not from when it was sent, so that a slow answer does not hide those behind it. */
  latencyMs: number
}

/** Sends requests in turn at a steady rate, whether or not those before are answered, as independent callers do. */
export async function sendAtRate(
  port: number,
  requests: readonly string[],
  perSecond: number,
  ms: number,
): Promise<Arrival[]> {
  const idle: Connection[] = []
  const underWay = new Set<Promise<void>>()
  const arrivals: Arrival[] = []
  const startedAt = performance.now()

  async function send(request: string, dueAtMs: number): Promise<void> {
    const connection = idle.pop() ?? (await connect(port))
    await connection.exchange(request, (status) => {
      arrivals.push({ status, dueAtMs, latencyMs: performance.now() - startedAt - dueAtMs })
      return undefined
    })
    idle.push(connection)
  }

  for (let sent = 0; performance.now() - startedAt < ms; await sleep(1)) {
    const due = Math.floor(((performance.now() - startedAt) / 1_000) * perSecond)
    for (; sent < due; sent += 1) {
      const sending = send(requests[sent % requests.length] ?? '', (sent / perSecond) * 1_000)
      underWay.add(sending)
      sending.finally(() => underWay.delete(sending))
    }
  }
  await Promise.all(underWay)
  for (const connection of idle) connection.close()
  return arrivals
}
