import type { ApiCredential } from '../azure/confidential-client.ts'
import type { Credential } from '../azure/credential.ts'
import type { KeyVault } from '../azure/key-vault.ts'

/** Entra's audience for managed identities as federated credentials. */
const TOKEN_EXCHANGE_SCOPE = 'api://AzureADTokenExchange/.default'

/** Names in the Key Vault of the plugin `key-vault`; with neither, the managed identity is the federated credential. */
export interface CredentialNames {
  /** Of the client secret of the app registration. */
  secretName?: string | undefined
  /** Of its certificate with the private key, as PEM. */
  certificateName?: string | undefined
}

/** How an app registration of this service proves itself to Entra, as it is now. */
export async function readApplicationCredential(
  keyVault: KeyVault,
  credential: Credential,
  { secretName, certificateName }: CredentialNames,
): Promise<ApiCredential> {
  if (secretName !== undefined) return { secret: await keyVault.getSecret(secretName) }
  if (certificateName !== undefined) return { certificate: await keyVault.getSecret(certificateName) }
  return { assertion: () => getOwnToken(credential, TOKEN_EXCHANGE_SCOPE) }
}

/** A token of this service's own identity. */
export async function getOwnToken(credential: Credential, scope: string): Promise<string> {
  const token = await credential.getToken(scope)
  if (token === null) throw new Error('this service has no identity')
  return token.token
}
