import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Type } from 'typebox'
import { Value } from 'typebox/value'
import { recordAz } from '../helpers/azure-cli.ts'
import { root, run } from '../helpers/processes.ts'

/** The Azure CLI's modules are there for one Python alone: Debian's, or the one that Microsoft's package brings. */
const PYTHONS = ['/usr/bin/python3', '/opt/az/bin/python3']
const Fault = Type.String()

async function findPython(t: Parameters<typeof run>[0]): Promise<string> {
  for (const python of PYTHONS.filter((path) => existsSync(path))) {
    if ((await run(t, python, ['-c', 'import azure.cli.core'])).status === 0) return python
  }
  throw new Error('the Azure CLI is not here: apt-get install azure-cli')
}

/** What the Azure CLI's own parser finds wrong with each command line; an empty text for nothing. */
async function parse(t: Parameters<typeof run>[0], lines: readonly (readonly string[])[]): Promise<string[]> {
  const input = lines.map((args) => `${JSON.stringify(args)}\n`).join('')
  const { status, output } = await run(t, await findPython(t), ['test/infra/parse-az.py'], { input })
  assert.equal(status, 0, output)
  return output
    .trimEnd()
    .split('\n')
    .map((line) => Value.Parse(Fault, JSON.parse(line)))
}

test('the parser refuses what the Azure CLI would', async (t) => {
  const wrong: Array<[line: string[], fault: RegExp]> = [
    [['group', 'crate', '--name', 'x'], /crate/],
    [['group', 'create', '--name', 'x'], /--location/],
    [['group', 'create', '--name', 'x', '--location', 'y', '--colour', 'red'], /--colour/],
    [['group', 'create', '--nam', 'x', '--location', 'y'], /abbreviated: --nam/],
    [['group', 'show', '--name', 'x', '--query', '[?a'], /jmespath/],
    [['storage', 'account', 'create', '--name', 'x', '--resource-group', 'y', '--min-tls-version', 'TLS9'], /TLS9/],
  ]
  const faults = await parse(
    t,
    wrong.map(([line]) => line),
  )
  for (const [i, [line, fault]] of wrong.entries()) assert.match(faults[i] ?? '', fault, line.join(' '))
})

/** Commands that Debian's package of the Azure CLI cannot load. */
const UNCHECKED = ['keyvault certificate create']

const scripts: Array<[command: string, state: 'empty' | 'complete']> = [
  ['bash infra/provision.sh --name codes', 'empty'],
  ['bash infra/provision.sh --name codes', 'complete'],
  ['bash infra/provision.sh --name codes --destroy --yes', 'complete'],
  ['bash infra/provision.sh --name codes --connect', 'complete'],
  ['npm run --silent app-registration | bash', 'empty'],
  ['npm run --silent app-registration | bash', 'complete'],
  ['npm run --silent app-registration -- --b2c contoso | bash', 'empty'],
]

test("every az command of the scripts and the documents passes the Azure CLI's own parser", async (t) => {
  const recorded: Array<{ source: string; args: string[]; command: string }> = []
  for (const [source, state] of scripts) {
    const { status, output, calls } = await recordAz(t, source, { state })
    assert.equal(status, 0, output)
    recorded.push(...calls.map((call) => ({ source, ...call })))
  }
  for (const source of ['docs/entra-setup.md', 'docs/deployment.md']) {
    for (const block of blocksWithAz(source)) {
      const { calls } = await recordAz(t, `cd "$(dirname "$AZ_STUB_FILE")"\n${block}`)
      assert.ok(calls.length > 0, block)
      recorded.push(...calls.map((call) => ({ source, ...call })))
    }
  }
  // The CLI takes its time to load a command.
  const lines = [...new Map(recorded.map((call) => [JSON.stringify(call.args), call])).values()]
  const faults = await parse(
    t,
    lines.map(({ args }) => args),
  )
  assert.equal(faults.length, lines.length)
  t.diagnostic(`${lines.length} different command lines of ${recorded.length}`)
  const wrong = lines.flatMap((line, i) => (faults[i] === '' ? [] : [{ ...line, fault: faults[i] ?? '' }]))
  for (const { fault, command } of wrong)
    assert.ok(!fault.startsWith('not checked') || UNCHECKED.includes(command), fault)
  assert.deepEqual(
    wrong.flatMap(({ fault, source, args }) =>
      fault.startsWith('not checked') ? [] : [`${source}: ${fault}: az ${args.join(' ')}`],
    ),
    [],
  )
})

/** What a document tells people to run, where `az` is in it. */
function blocksWithAz(document: string): string[] {
  const text = readFileSync(join(root, document), 'utf8')
  const blocks = [...text.matchAll(/^```sh\n(.+?)^```$/gms)].map(([, block = '']) => block)
  return blocks.filter((block) => /^(?:\w+=\$\()?az /m.test(block))
}

test('shellcheck finds nothing in the scripts, nor in what they print', async (t) => {
  const files = await run(t, 'bash', ['-c', 'shellcheck infra/*.sh .ci/run'])
  assert.deepEqual(files, { status: 0, output: '' })
  for (const command of [
    'infra/provision.sh --name codes',
    'infra/provision.sh --name codes --api-client-id 6b29fc40-ca47-4067-b31d-00dd010662da',
    'infra/provision.sh --name codes --connect',
    'infra/provision.sh --name codes --destroy',
    'infra/deploy.sh --name codes',
  ]) {
    const printed = await run(t, 'bash', ['-c', `bash ${command} --dry-run | shellcheck --shell=bash -`])
    assert.deepEqual(printed, { status: 0, output: '' }, command)
  }
})
