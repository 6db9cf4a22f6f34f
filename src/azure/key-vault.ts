import { UnavailableError } from '../errors.ts'
import type { Credential } from './credential.ts'
import { withDeadline } from './deadline.ts'
import { summarizeFault } from './fault-summary.ts'
import { assertInstalled } from './installed.ts'
import { once } from './once.ts'
import { type ObserveCall, unobserved } from './outside-call.ts'

/** Two further tries within about a second; whoever waits is served better by a 503 than by a long silence. */
const RETRIES = { maxRetries: 2, retryDelayInMs: 200, maxRetryDelayInMs: 1_000 }
/** Those who read for a request have 5 s for all of it, and can then still say that it was the vault. */
const READ_TIMEOUT_MS = 4_000

export interface KeyVaultOptions {
  /** `https://<name>.vault.azure.net` */
  url: string
  /** Such as `DefaultAzureCredential`; its identity needs 'Key Vault Secrets User'. */
  credential: Credential
  /** Makes each call to the vault and takes its time; by default it is just made. */
  observe?: ObserveCall | undefined
}

/** Reads secrets from one Key Vault. */
export function createKeyVault({ url, credential, observe = unobserved }: KeyVaultOptions) {
  assertInstalled('key-vault', '@azure/keyvault-secrets')
  const connect = once(async () => {
    const { SecretClient } = await import('@azure/keyvault-secrets')
    return new SecretClient(url, credential, {
      retryOptions: RETRIES,
      // The vault's challenge names the domain that tokens are for, and a vault on this machine is in no such domain.
      disableChallengeResourceVerification: isLoopback(new URL(url).hostname),
    })
  })
  return {
    /**
     * The current version of a secret, within 4 s.
     * @param signal ends the reading earlier
     * @throws {UnavailableError} `secret_unavailable` when there is no such secret, no right to read it, or no vault
     */
    async getSecret(name: string, signal?: AbortSignal): Promise<string> {
      const client = await connect()
      const read = (timeUp: AbortSignal) =>
        client.getSecret(name, { abortSignal: signal ? AbortSignal.any([signal, timeUp]) : timeUp })
      const reading = observe('vault', () => withDeadline(read, READ_TIMEOUT_MS))
      const { value } = await reading.catch((error: unknown) => {
        throw secretUnavailable(summarizeFault(error))
      })
      if (value === undefined || value === '') throw secretUnavailable(new Error(`the secret ${name} is empty`))
      return value
    },
  }
}

export type KeyVault = ReturnType<typeof createKeyVault>

function secretUnavailable(cause: Error): UnavailableError {
  return new UnavailableError('secret_unavailable', 'A secret that this service needs cannot be read for the moment.', {
    cause,
  })
}

function isLoopback(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || hostname.startsWith('127.')
}
