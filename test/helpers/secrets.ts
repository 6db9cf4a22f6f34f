import assert from 'node:assert/strict'
import type { LocalCloud } from '../../local-cloud/cloud.ts'
import { apiSecretName, b2cDirectorySecretName, numberApiKeyName } from '../../local-cloud/directory.ts'

/** Gathers what must not get out, and looks for it. */
export function createSecrecy(cloud: LocalCloud) {
  const secrets = new Set<string>([cloud.serviceEnv.IDENTITY_HEADER])

  function add(...more: readonly string[]): void {
    for (const secret of more) secrets.add(secret)
  }

  /** Those in the vault are rotated: to be called before and after. */
  function addVault(): void {
    const names = [numberApiKeyName, apiSecretName, b2cDirectorySecretName]
    add(...names.flatMap((name) => cloud.secrets.get(name)?.value ?? []))
  }

  addVault()
  return {
    add,
    addVault,
    /** @param what where the text is from */
    assertNoneIn(text: string, what: string): void {
      for (const secret of secrets) assert.ok(!text.includes(secret), `${what} has ${secret.slice(0, 6)}…`)
      assert.doesNotMatch(text, /eyJ[A-Za-z0-9_-]{20,}/, `${what} has something like a token`)
      assert.doesNotMatch(text, /Bearer ey|x-functions-key/i, `${what} has a header with a secret`)
    },
  }
}
