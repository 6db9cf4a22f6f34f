import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:https'
import { test } from 'node:test'
import { createCertificateAuthority } from '../../local-cloud/certificate-authority.ts'

test('a process trusts every authority that it has made, not the first one alone', async (t) => {
  for (let i = 0; i < 4; i += 1) {
    const authority = await createCertificateAuthority()
    t.after(() => authority.remove())
    const server = createServer(authority.server, (_request, response) => response.end('hello')).listen(0, '127.0.0.1')
    t.after(() => server.closeAllConnections())
    t.after(() => server.close())
    await once(server, 'listening')
    const { port } = Object(server.address())
    const response = await fetch(`https://localhost:${port}`)
    assert.equal(await response.text(), 'hello')
  }
})
