import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { parse } from 'yaml'
import { recordAz } from '../helpers/azure-cli.ts'
import { root } from '../helpers/processes.ts'

const read = (file: string) => readFileSync(join(root, file), 'utf8')
const Text = Type.String()
const Hook = Type.Object({ shell: Type.Literal('sh'), run: Text })
const Azd = Type.Object({
  infra: Type.Object({ path: Text, module: Text }),
  hooks: Type.Object({ preprovision: Hook, postprovision: Hook }),
})

test("azd's hooks hand the app registration to Bicep, and connect what it created", async (t) => {
  const { infra, hooks } = Value.Parse(Azd, parse(read('azure.yaml')))
  assert.ok(existsSync(join(root, infra.path, `${infra.module}.bicep`)))
  const asAzd = 'AZURE_ENV_NAME=codes; azd() { echo "azd $*"; }; npm() { [ "$1" = ci ] || command npm "$@"; }'
  const before = await recordAz(t, `${asAzd}\n${hooks.preprovision.run}`)
  assert.match(before.output, /^azd env set ENTRA_API_CLIENT_ID [0-9a-f-]{36}$/m)
  const { parameters } = JSON.parse(read('infra/main.parameters.json'))
  assert.equal(parameters.apiClientId.value, '$' + '{ENTRA_API_CLIENT_ID}')
  const [connect = ''] = hooks.postprovision.run.split('\n')
  const after = await recordAz(t, `${asAzd}\n${connect}`, { state: 'complete' })
  assert.equal(after.status, 0, after.output)
  assert.ok(after.calls.some(({ command }) => command === 'functionapp keys list'))
})
