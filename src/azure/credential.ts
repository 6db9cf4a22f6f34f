import { DefaultAzureCredential, type TokenCredential } from '@azure/identity'

/** The identity of this service towards Azure; make it once and share it, it caches its tokens. */
export type Credential = TokenCredential

/**
 * `DefaultAzureCredential` as it comes: a managed identity in Azure, a developer's or a service principal's sign-in
 * elsewhere, chosen by `AZURE_*` variables that it reads itself.
 */
export function createCredential(): Credential {
  return new DefaultAzureCredential()
}
