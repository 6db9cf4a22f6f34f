import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listAppRoles } from '../../src/registration/manifest.ts'
import { policies } from '../../src/routes/policies.ts'
import { optionOf, recordAz } from '../helpers/azure-cli.ts'

test('creates the API and a caller with the roles it asks for, and grants them once', async (t) => {
  const script =
    'npm run --silent app-registration -- --name orders --caller billing --roles Codes.Issue,Graph.Hello | bash'
  const registered = await recordAz(t, script)
  assert.equal(registered.status, 0, registered.output)
  assert.match(registered.output, /^CALLER_CLIENT_ID=[0-9a-f-]{36}$/m)
  const ids = listAppRoles(policies).flatMap(({ id, value }) => (value === 'Codes.Verify' ? [] : [id]))
  const granted = registered.calls.filter(({ args }) => optionOf(args, '--method') === 'post')
  assert.deepEqual(
    granted.map(({ args }) => /"appRoleId":"([^"]+)"/.exec(optionOf(args, '--body') ?? '')?.[1]),
    ids,
  )
  const second = await recordAz(t, script, { state: 'complete' })
  assert.deepEqual(
    second.calls.filter(({ command }) => /^ad (?:app|sp) create$/.test(command)),
    [],
  )
})

test('for B2C registers the API for people of any identity provider, and a reader of the directory', async (t) => {
  const { status, calls, output } = await recordAz(t, 'npm run --silent app-registration -- --b2c contoso | bash')
  assert.equal(status, 0, output)
  assert.match(output, /^B2C_API_CLIENT_ID=.+\nB2C_DIRECTORY_CLIENT_ID=.+\nCALLER_CLIENT_ID=/m)
  const uri = calls.find(({ command }) => command === 'ad app update')?.args ?? []
  assert.match(optionOf(uri, '--identifier-uris') ?? '', /^https:\/\/contoso\.onmicrosoft\.com\/[0-9a-f-]{36}$/)
})

test('refuses roles and names that do not exist', async (t) => {
  for (const wrong of ['--roles Codes.Delete', "--name 'a b'", '--caller "$(id)"', '--b2c contoso.com/x', '--what']) {
    const { status } = await recordAz(t, `npm run --silent app-registration -- ${wrong}`)
    assert.equal(status, 2, wrong)
  }
})
