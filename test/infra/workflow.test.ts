import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { parse } from 'yaml'
import { root } from '../helpers/processes.ts'

const read = (file: string) => readFileSync(join(root, file), 'utf8')
const Text = Type.String()
const Steps = Type.Object({ steps: Type.Array(Type.Object({ run: Type.Optional(Text) })) })
const Workflow = Type.Object({
  permissions: Type.Record(Text, Text),
  jobs: Type.Object({
    check: Steps,
    deploy: Type.Intersect([
      Steps,
      Type.Object({ needs: Text, environment: Text, permissions: Type.Record(Text, Text) }),
    ]),
  }),
})

test('the workflow needs no secret, deploys only what passed the checks, and runs scripts that exist', () => {
  const file = 'infra/github-actions/deploy.yml'
  const { permissions, jobs } = Value.Parse(Workflow, parse(read(file)))
  assert.doesNotMatch(read(file), /secrets\.|password|creds:/)
  assert.deepEqual(permissions, { contents: 'read' })
  assert.equal(jobs.deploy.permissions['id-token'], 'write')
  assert.equal(jobs.deploy.needs, 'check')
  const { scripts } = Value.Parse(Type.Object({ scripts: Type.Record(Text, Text) }), JSON.parse(read('package.json')))
  for (const { run = '' } of [...jobs.check.steps, ...jobs.deploy.steps]) {
    for (const [, name = ''] of run.matchAll(/npm run ([a-z:]+)/g)) assert.ok(name in scripts, name)
    for (const [, script = ''] of run.matchAll(/bash (\S+)/g)) assert.ok(existsSync(join(root, script)), script)
  }
})
