import type { TokenCredential } from '@azure/identity'
import { once } from './once.ts'

/** The identity of this service towards Azure; make it once and share it, it caches its tokens. */
export type Credential = TokenCredential

/**
 * `DefaultAzureCredential` as it comes: a managed identity in Azure, a developer's or a service principal's sign-in
 * elsewhere, chosen by `AZURE_*` variables that it reads itself. Loaded with the first token that is asked for: it takes
 * longer to load than the rest of the service.
 */
export function createCredential(): Credential {
  const load = once(async () => {
    const { DefaultAzureCredential } = await import('@azure/identity')
    return new DefaultAzureCredential()
  })
  return {
    async getToken(scopes, options) {
      const credential = await load()
      return await credential.getToken(scopes, options)
    },
  }
}
