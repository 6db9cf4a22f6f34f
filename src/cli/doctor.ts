import { text } from 'node:stream/consumers'
import { loadCallersConfig } from '../config.ts'
import { diagnose } from '../doctor/diagnose.ts'
import { formatReport, isUsable } from '../doctor/report.ts'
import { listIssuers } from '../issuers.ts'
import { fetchJsonOverHttps } from '../plugins/entra-auth/issuer-metadata.ts'
import { readIssuerOptions } from '../plugins/entra-auth/issuer-options.ts'
import type { RoutePolicy } from '../plugins/entra-auth/route-policy.ts'
import { createTrustedIssuer } from '../plugins/entra-auth/trusted-issuer.ts'

/**
 * Prints what is wrong with a token, rule by rule, and what to change. The token is sent nowhere; only the issuer's public
 * metadata and keys are fetched.
 * @param argument the token, or `-` for standard input
 * @param policies who may call which endpoint, by `METHOD path`
 * @returns the exit status: 0 when the token would be accepted and, if there are policies, opens an endpoint at least
 * @throws {ConfigError} when the environment does not say whose tokens are accepted
 */
export async function runDoctor(argument: string, policies: Readonly<Record<string, RoutePolicy>>): Promise<number> {
  const config = loadCallersConfig()
  const token = (argument === '-' ? await text(process.stdin) : argument).trim().replace(/^Bearer +/i, '')
  const issuers = readIssuerOptions(listIssuers(config)).map((settings) =>
    createTrustedIssuer({ settings, fetchJson: fetchJsonOverHttps, onFailure: () => undefined }),
  )
  const diagnosis = await diagnose(token, {
    issuers,
    policies,
    rules: {
      allowedClientIds: new Set(config.ENTRA_ALLOWED_CLIENT_IDS.map((id) => id.toLowerCase())),
      allowGuests: config.ENTRA_ALLOW_GUESTS,
    },
    nowMs: Date.now(),
  })
  for (const issuer of issuers) issuer.stop()
  process.stdout.write(formatReport(diagnosis))
  return isUsable(diagnosis) ? 0 : 1
}
