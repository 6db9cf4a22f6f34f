import { after } from 'node:test'
import { type LocalCloud, startLocalCloud } from '../../local-cloud/cloud.ts'

/**
 * The local cloud of a test file, and this process's identity in it. One for each file, which `node --test` runs in a
 * process of its own: MSAL keeps a process's managed-identity tokens.
 */
export async function startCloud(): Promise<LocalCloud> {
  const cloud = await startLocalCloud()
  const { AZURE_TOKEN_CREDENTIALS, IDENTITY_ENDPOINT, IDENTITY_HEADER } = cloud.serviceEnv
  Object.assign(process.env, { AZURE_TOKEN_CREDENTIALS, IDENTITY_ENDPOINT, IDENTITY_HEADER })
  after(() => cloud.stop())
  return cloud
}
