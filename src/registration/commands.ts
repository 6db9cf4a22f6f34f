import { type AppRole, graph } from './manifest.ts'

/** Names go into shell commands and Graph filters as they are. */
export const REGISTRATION_NAME = /^[A-Za-z0-9](?:[A-Za-z0-9._-]{0,62}[A-Za-z0-9])?$/

export interface Registration {
  /** Display name of the API's app registration. */
  name: string
  manifest: Readonly<Record<string, unknown>> & { appRoles: readonly AppRole[] }
}

/** Makes the API's app registration what the manifest says, and sets `API_CLIENT_ID`. The functions are those of `infra/entra.sh`. */
export function apiCommands({ name, manifest }: Registration): string {
  return `# ${name}: the API, with its app roles and its scope
API_CLIENT_ID=$(find_app ${name})
if [ -z "$API_CLIENT_ID" ]; then
  API_CLIENT_ID=$(az ad app create --display-name ${name} --sign-in-audience AzureADMyOrg --query appId --output tsv)
fi
${describeApi(manifest, '"api://$API_CLIENT_ID"')}
# It reads the signed-in person in Microsoft Graph, on behalf of that person.
retry az ad app permission grant --id "$API_CLIENT_ID" --api ${graph.clientId} --scope User.Read --output none
`
}

/** The same in a B2C tenant, whose applications sign in people of any identity provider. */
export function b2cApiCommands({ name, manifest }: Registration, tenantName: string): string {
  return `# ${name}: the API in the B2C tenant, with its app roles and its scope
API_CLIENT_ID=$(find_app ${name})
if [ -z "$API_CLIENT_ID" ]; then
  API_CLIENT_ID=$(az ad app create --display-name ${name} --sign-in-audience AzureADandPersonalMicrosoftAccount --query appId --output tsv)
fi
${describeApi(manifest, `"https://${tenantName}.onmicrosoft.com/$API_CLIENT_ID"`)}`
}

function describeApi(manifest: Registration['manifest'], identifierUri: string): string {
  return `retry az rest --method patch --url "https://graph.microsoft.com/v1.0/applications(appId='$API_CLIENT_ID')" --body ${quote(JSON.stringify(manifest))} --output none
retry az ad app update --id "$API_CLIENT_ID" --identifier-uris ${identifierUri}
find_principal "$API_CLIENT_ID" >/dev/null
`
}

/** A calling service: its registration, the roles of the API, and consent to them. Sets `CALLER_CLIENT_ID`. */
export function callerCommands(caller: string, roles: readonly AppRole[]): string {
  const access = roles.map(({ id }) => ({ id, type: 'Role' }))
  return `# ${caller}: a service that calls the API
CALLER_CLIENT_ID=$(find_app ${caller})
if [ -z "$CALLER_CLIENT_ID" ]; then
  CALLER_CLIENT_ID=$(az ad app create --display-name ${caller} --sign-in-audience AzureADMyOrg --required-resource-accesses ${json([{ resourceAppId: '$API_CLIENT_ID', resourceAccess: access }])} --query appId --output tsv)
fi
API_OBJECT_ID=$(find_principal "$API_CLIENT_ID")
CALLER_OBJECT_ID=$(find_principal "$CALLER_CLIENT_ID")
${roles.map(({ id, value }) => `grant_role "$CALLER_OBJECT_ID" "$API_OBJECT_ID" ${id} # ${value}`).join('\n')}
`
}

/** What the API itself is in the B2C tenant's directory, for hello-graph of B2C callers. */
export function b2cDirectoryCommands(name: string): string {
  const permissions = Object.entries(graph.application)
  return `# ${name}: reads applications and people of the B2C tenant's directory
DIRECTORY_CLIENT_ID=$(find_app ${name})
if [ -z "$DIRECTORY_CLIENT_ID" ]; then
  DIRECTORY_CLIENT_ID=$(az ad app create --display-name ${name} --sign-in-audience AzureADMyOrg --query appId --output tsv)
fi
DIRECTORY_OBJECT_ID=$(find_principal "$DIRECTORY_CLIENT_ID")
GRAPH_OBJECT_ID=$(find_principal ${graph.clientId})
${permissions.map(([value, id]) => `grant_role "$DIRECTORY_OBJECT_ID" "$GRAPH_OBJECT_ID" ${id} # ${value}`).join('\n')}
`
}

/** Prints variables of the script in the form of an environment file. */
export function printCommands(variables: Readonly<Record<string, string>>): string {
  const lines = Object.entries(variables).map(([name, variable]) => `echo "${name}=$${variable}"`)
  return `# For the environment of the API, and of its callers\n${lines.join('\n')}\n`
}

/** A word that the shell takes as it is. */
function quote(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

/** JSON as a word in which the shell fills in variables. */
function json(value: unknown): string {
  return `"${JSON.stringify(value).replaceAll('"', '\\"')}"`
}
