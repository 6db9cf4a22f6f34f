import type { PipelinePolicy } from '@azure/core-rest-pipeline'
import type { TokenCredential } from '@azure/identity'
import { withDeadline } from './deadline.ts'
import { once } from './once.ts'

/**
 * Without it a request for a token that nobody answers would stay for minutes, and with it all that need the token: the SDKs
 * join the request that is under way. The Azure CLI takes some seconds on a developer's machine.
 */
const TOKEN_TIMEOUT_MS = 8_000
/** One of its HTTP requests, so that its connection ends too. */
const REQUEST_TIMEOUT_MS = 5_000

/** The identity of this service towards Azure; make it once and share it, it caches its tokens. */
export type Credential = TokenCredential

/**
 * `DefaultAzureCredential` with bounds on how long it takes (docs/decisions/0049): a managed identity in Azure, a developer's
 * or a service principal's sign-in elsewhere, chosen by `AZURE_*` variables that it reads itself. Loaded with the first token
 * that is asked for: it takes longer to load than the rest of the service.
 */
export function createCredential(): Credential {
  const load = once(async () => {
    const { DefaultAzureCredential } = await import('@azure/identity')
    const endInTime: PipelinePolicy = {
      name: 'endInTime',
      sendRequest(request, next) {
        request.timeout ||= REQUEST_TIMEOUT_MS
        return next(request)
      },
    }
    return new DefaultAzureCredential({ additionalPolicies: [{ policy: endInTime, position: 'perCall' }] })
  })
  return {
    async getToken(scopes, options) {
      const credential = await load()
      return await withDeadline(() => credential.getToken(scopes, options), TOKEN_TIMEOUT_MS)
    },
  }
}
