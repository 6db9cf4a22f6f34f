// Stands in for the Azure CLI: writes down how it was called, and answers as for a subscription where nothing is there yet
// (AZ_STUB_STATE=empty) or everything is (complete). AZ_STUB_FAIL names a command that fails, AZ_STUB_KEEP a folder for what is uploaded.
import { appendFileSync, copyFileSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const args = process.argv.slice(2)
const { AZ_STUB_FILE, AZ_STUB_STATE, AZ_STUB_FAIL, AZ_STUB_KEEP } = process.env
const isComplete = AZ_STUB_STATE === 'complete'
const command = args
  .slice(
    0,
    args.findIndex((arg) => arg.startsWith('--')),
  )
  .join(' ')
const optionOf = (option) => (args.includes(option) ? args[args.indexOf(option) + 1] : undefined)
const query = optionOf('--query')
const GUID = '0b1c2d3e-4f50-4162-8374-95a6b7c8d9e0'

const input = args.includes('@-') ? readFileSync(0, 'utf8') : ''
appendFileSync(AZ_STUB_FILE, `${JSON.stringify({ command, args, input })}\n`)

const zip = optionOf('--src-path') ?? optionOf('--src')
if (AZ_STUB_KEEP && zip) copyFileSync(zip, join(AZ_STUB_KEEP, `${optionOf('--name')}.zip`))
if (command === AZ_STUB_FAIL) process.exit(1)
// What exists is asked for with `show` and no query.
if (command.endsWith(' show') && query === undefined) process.exit(isComplete ? 0 : 3)
process.stdout.write(`${answer()}\n`)

function answer() {
  const answers = {
    'ad app create': GUID,
    'ad sp create': GUID,
    'account show': GUID,
    'ad app list': isComplete ? GUID : '',
    'ad sp list': isComplete ? GUID : '',
    'ad app federated-credential list': isComplete ? 'api-identity' : '',
    'group exists': String(isComplete),
    'functionapp keys list': '{"properties": {"value": "the-key-of-the-number-api"}}',
    rest: query?.startsWith('length') ? (isComplete ? '1' : '0') : '',
  }
  if (command in answers) return answers[command]
  return (
    {
      id: `/subscriptions/${GUID}/resourceGroups/codes/providers/of/${optionOf('--name')}`,
      principalId: GUID,
      defaultHostName: `${optionOf('--name')}.azurewebsites.net`,
      'properties.vaultUri': `https://${optionOf('--name')}.vault.azure.net/`,
      'primaryEndpoints.queue': `https://${optionOf('--name')}.queue.core.windows.net/`,
      'primaryEndpoints.table': `https://${optionOf('--name')}.table.core.windows.net/`,
    }[query ?? ''] ?? ''
  )
}
