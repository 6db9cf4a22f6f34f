import { randomUUID } from 'node:crypto'

/** An OAuth error in the shape that Entra gives it ('Microsoft Entra authentication and authorization error codes'). */
export class EntraError extends Error {
  readonly status: number
  readonly error: string
  readonly aadsts: number
  /** Further members, such as `suberror` and `claims`. */
  readonly extra: Readonly<Record<string, string>>

  constructor(status: number, error: string, aadsts: number, description: string, extra = {}) {
    super(description)
    this.status = status
    this.error = error
    this.aadsts = aadsts
    this.extra = extra
  }

  toBody() {
    const timestamp = `${new Date().toISOString().slice(0, 19).replace('T', ' ')}Z`
    const [traceId, correlationId] = [randomUUID(), randomUUID()]
    return {
      error: this.error,
      error_description: `AADSTS${this.aadsts}: ${this.message} Trace ID: ${traceId} Correlation ID: ${correlationId} Timestamp: ${timestamp}`,
      error_codes: [this.aadsts],
      timestamp,
      trace_id: traceId,
      correlation_id: correlationId,
      ...this.extra,
    }
  }
}
