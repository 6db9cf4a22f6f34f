import assert from 'node:assert/strict'
import { test } from 'node:test'
import { api, tenant } from '../../local-cloud/directory.ts'
import { createConfidentialClient } from '../../src/azure/confidential-client.ts'
import { startCloud } from '../helpers/cloud.ts'

const cloud = await startCloud()
const scopes = [`${cloud.origins.graph}/.default`]
const options = {
  authorityHost: cloud.origins.entra,
  clientId: api.clientId,
  readCredential: async () => ({ secret: api.secret }),
}

test('keeps the tokens of so many users and no more, so that memory is bounded', async () => {
  const client = createConfidentialClient({ ...options, maxCachedUsers: 4 })
  const users = await Promise.all([1, 2, 3, 4, 5].map((n) => cloud.tokens.mint({ as: 'user', claims: { n } })))
  const ask = async (assertion = '') => {
    const before = cloud.onBehalfOfRequests.length
    await client.onBehalfOf(assertion, tenant.id, scopes)
    return cloud.onBehalfOfRequests.length - before
  }
  assert.equal(await ask(users[0]), 1)
  assert.equal(await ask(users[0]), 0, 'the second call costs no request')
  for (const user of users.slice(1)) await ask(user)
  assert.equal(await ask(users[0]), 1, 'it was forgotten for the others')
})

test('reads a refused credential again once, and then gives up with what Entra said', async () => {
  let reads = 0
  const client = createConfidentialClient({
    ...options,
    readCredential: async () => {
      reads += 1
      return { secret: 'wrong' }
    },
  })
  await assert.rejects(client.clientCredentials(tenant.id, scopes), /AADSTS7000215/)
  assert.equal(reads, 2)
})

test('says that a certificate without its private key is of no use', async () => {
  const certificate = cloud.secrets
    .get('api-certificate')
    ?.value.replace(/-+BEGIN PRIVATE KEY[\s\S]+END PRIVATE KEY-+\n/, '')
  const client = createConfidentialClient({
    ...options,
    readCredential: async () => ({ certificate: certificate ?? '' }),
  })
  await assert.rejects(client.clientCredentials(tenant.id, scopes), /not PEM with its private key/)
})

test('tries again after the credential could not be read', async () => {
  let isDown = true
  const readCredential = async () => (isDown ? Promise.reject(new Error('vault down')) : { secret: api.secret })
  const client = createConfidentialClient({ ...options, readCredential })
  await assert.rejects(client.clientCredentials(tenant.id, scopes), /vault down/)
  isDown = false
  assert.match(await client.clientCredentials(tenant.id, scopes), /^ey/)
})
