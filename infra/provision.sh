#!/usr/bin/env bash
# Creates in Azure everything that fastify-entra runs on, or brings it up to date: see docs/deployment.md. What it runs is
# what --dry-run prints.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'HELP'
bash infra/provision.sh --name <name> [options]

Creates in the subscription that az is signed in to, or brings up to date: the resource group <name> with storage account,
Key Vault, the API and the worker on App Service, the number API as a Function, and the API's app registration. Then
bash infra/deploy.sh --name <name> brings the code there.

  --name <name>           3 to 16 lower-case letters, digits and hyphens; host names are made of it
  --location <region>     westeurope
  --sku <sku>             of the App Service plan that all three share: B1
  --api-client-id <GUID>  leaves Entra alone: an administrator made this app registration (npm run app-registration)
  --connect               only what main.bicep cannot: Entra, and the number API's key in the vault
  --dry-run               prints the commands and runs nothing; without --name, those for fastify-entra
  --destroy               deletes all of it, and asks first
  --yes                   does not ask
HELP
}

fail() {
  echo "$1" >&2
  exit 2
}

name='' location=westeurope sku=B1 api_client_id='' action=create dry_run=false ask=true
while [ $# -gt 0 ]; do
  case $1 in
    --name | --location | --sku | --api-client-id)
      [ $# -gt 1 ] || fail "$1 needs a value."
      case $1 in
        --name) name=$2 ;;
        --location) location=$2 ;;
        --sku) sku=$2 ;;
        --api-client-id) api_client_id=$2 ;;
      esac
      shift
      ;;
    --dry-run) dry_run=true ;;
    --connect) action=connect ;;
    --destroy) action=destroy ;;
    --yes) ask=false ;;
    --help)
      usage
      exit
      ;;
    *) fail "$1 is not known: bash infra/provision.sh --help" ;;
  esac
  shift
done

# Real host names must be somebody's choice; to look at the commands any will do.
if [ -z "$name" ] && $dry_run; then name=fastify-entra; fi
[[ $name =~ ^[a-z][a-z0-9-]{1,14}[a-z0-9]$ && $name != *--* ]] ||
  fail '--name takes 3 to 16 lower-case letters, digits and single hyphens, with a letter in front.'
[[ $location =~ ^[a-z0-9]+$ ]] || fail '--location takes the name of a region, such as westeurope.'
[[ $sku =~ ^[A-Za-z0-9]+$ ]] || fail '--sku takes the name of a plan, such as B1 or P0V3.'
[[ $api_client_id =~ ^([0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})?$ ]] || fail '--api-client-id takes a GUID.'

# --- What everything is called --------------------------------------------------------------------------------------

names() {
  cat <<NAMES
GROUP=$name
LOCATION=$location
SKU=$sku
STORAGE=${name//-/}store
VAULT=$name-vault
PLAN=$name-plan
API=$name-api
WORKER=$name-worker
NUMBERS=$name-numbers
NAMES
}

# --- The commands. Each can be run again: it finds what is there, or makes it so. -------------------------------------

create_resources() {
  cat <<'COMMANDS'
say "Resource group $GROUP"
az group create --name "$GROUP" --location "$LOCATION" --output none

say "Storage account $STORAGE with the queues code-requests and code-requests-poison and the table codes"
az storage account create --name "$STORAGE" --resource-group "$GROUP" --location "$LOCATION" --sku Standard_LRS --kind StorageV2 --https-only true --min-tls-version TLS1_2 --allow-shared-key-access false --allow-blob-public-access false --output none
STORAGE_ID=$(az storage account show --name "$STORAGE" --resource-group "$GROUP" --query id --output tsv)
QUEUES_URL=$(az storage account show --name "$STORAGE" --resource-group "$GROUP" --query primaryEndpoints.queue --output tsv)
TABLES_URL=$(az storage account show --name "$STORAGE" --resource-group "$GROUP" --query primaryEndpoints.table --output tsv)
# Through Azure's management, which asks whoever runs this for no role on the data.
az rest --method put --url "$STORAGE_ID/queueServices/default/queues/code-requests?api-version=2023-05-01" --body '{}' --output none
az rest --method put --url "$STORAGE_ID/queueServices/default/queues/code-requests-poison?api-version=2023-05-01" --body '{}' --output none
az rest --method put --url "$STORAGE_ID/tableServices/default/tables/codes?api-version=2023-05-01" --body '{}' --output none

say "Key Vault $VAULT"
if ! az keyvault show --name "$VAULT" --resource-group "$GROUP" --output none 2>/dev/null; then
  # A deleted vault keeps its name for 90 days.
  if [ -n "$(az keyvault list-deleted --resource-type vault --query "[?name=='$VAULT'].name" --output tsv)" ]; then
    az keyvault recover --name "$VAULT" --resource-group "$GROUP" --location "$LOCATION" --output none
  else
    az keyvault create --name "$VAULT" --resource-group "$GROUP" --location "$LOCATION" --enable-rbac-authorization true --output none
  fi
fi
VAULT_ID=$(az keyvault show --name "$VAULT" --resource-group "$GROUP" --query id --output tsv)
VAULT_URL=$(az keyvault show --name "$VAULT" --resource-group "$GROUP" --query properties.vaultUri --output tsv)

say "App Service plan $PLAN"
az appservice plan create --name "$PLAN" --resource-group "$GROUP" --location "$LOCATION" --is-linux --sku "$SKU" --output none

say "The API: $API"
if ! az webapp show --name "$API" --resource-group "$GROUP" --output none 2>/dev/null; then
  az webapp create --name "$API" --resource-group "$GROUP" --plan "$PLAN" --runtime NODE:24-lts --https-only true --output none
fi
az webapp config set --name "$API" --resource-group "$GROUP" --linux-fx-version 'NODE|24-lts' --startup-file 'node --import ./tools/require-node.mjs bundle/server.js' --always-on true --http20-enabled true --min-tls-version 1.2 --ftps-state Disabled --generic-configurations '{"healthCheckPath": "/healthz"}' --output none
API_IDENTITY=$(az webapp identity assign --name "$API" --resource-group "$GROUP" --query principalId --output tsv)
API_HOST=$(az webapp show --name "$API" --resource-group "$GROUP" --query defaultHostName --output tsv)

say "The worker: $WORKER, whose health and metrics nobody outside can ask for"
if ! az webapp show --name "$WORKER" --resource-group "$GROUP" --output none 2>/dev/null; then
  az webapp create --name "$WORKER" --resource-group "$GROUP" --plan "$PLAN" --runtime NODE:24-lts --https-only true --output none
fi
az webapp config set --name "$WORKER" --resource-group "$GROUP" --linux-fx-version 'NODE|24-lts' --startup-file 'node --optimize-for-size --import ./tools/require-node.mjs bundle/worker.js' --always-on true --http20-enabled true --min-tls-version 1.2 --ftps-state Disabled --generic-configurations '{"healthCheckPath": "/healthz"}' --output none
az resource update --resource-group "$GROUP" --namespace Microsoft.Web --parent "sites/$WORKER" --resource-type config --name web --set properties.ipSecurityRestrictionsDefaultAction=Deny --set properties.scmIpSecurityRestrictionsDefaultAction=Allow --api-version 2023-12-01 --output none
WORKER_IDENTITY=$(az webapp identity assign --name "$WORKER" --resource-group "$GROUP" --query principalId --output tsv)

say "The number API: $NUMBERS"
if ! az functionapp show --name "$NUMBERS" --resource-group "$GROUP" --output none 2>/dev/null; then
  az functionapp create --name "$NUMBERS" --resource-group "$GROUP" --plan "$PLAN" --storage-account "$STORAGE" --os-type Linux --runtime node --runtime-version 24 --functions-version 4 --https-only true --disable-app-insights true --output none
fi
az functionapp config set --name "$NUMBERS" --resource-group "$GROUP" --linux-fx-version 'NODE|24' --always-on true --http20-enabled true --min-tls-version 1.2 --ftps-state Disabled --output none
NUMBERS_IDENTITY=$(az functionapp identity assign --name "$NUMBERS" --resource-group "$GROUP" --query principalId --output tsv)
NUMBERS_HOST=$(az functionapp show --name "$NUMBERS" --resource-group "$GROUP" --query defaultHostName --output tsv)
# The Functions host keeps its keys in the storage account, through its identity: the account accepts no shared key.
az role assignment create --role 'Storage Blob Data Owner' --assignee-object-id "$NUMBERS_IDENTITY" --assignee-principal-type ServicePrincipal --scope "$STORAGE_ID" --output none
az functionapp config appsettings set --name "$NUMBERS" --resource-group "$GROUP" --output none --settings \
  "AzureWebJobsStorage__accountName=$STORAGE" \
  WEBSITE_RUN_FROM_PACKAGE=1
az functionapp config appsettings delete --name "$NUMBERS" --resource-group "$GROUP" --setting-names AzureWebJobsStorage --output none

say "No passwords for deployment: Entra's sign-in alone"
az resource update --resource-group "$GROUP" --namespace Microsoft.Web --parent "sites/$API" --resource-type basicPublishingCredentialsPolicies --name scm --set properties.allow=false --api-version 2023-12-01 --output none
az resource update --resource-group "$GROUP" --namespace Microsoft.Web --parent "sites/$WORKER" --resource-type basicPublishingCredentialsPolicies --name scm --set properties.allow=false --api-version 2023-12-01 --output none
az resource update --resource-group "$GROUP" --namespace Microsoft.Web --parent "sites/$NUMBERS" --resource-type basicPublishingCredentialsPolicies --name scm --set properties.allow=false --api-version 2023-12-01 --output none

say "What the API and the worker may do"
az role assignment create --role 'Key Vault Secrets User' --assignee-object-id "$API_IDENTITY" --assignee-principal-type ServicePrincipal --scope "$VAULT_ID" --output none
az role assignment create --role 'Storage Queue Data Contributor' --assignee-object-id "$API_IDENTITY" --assignee-principal-type ServicePrincipal --scope "$STORAGE_ID" --output none
az role assignment create --role 'Storage Table Data Contributor' --assignee-object-id "$API_IDENTITY" --assignee-principal-type ServicePrincipal --scope "$STORAGE_ID" --output none
az role assignment create --role 'Storage Queue Data Contributor' --assignee-object-id "$WORKER_IDENTITY" --assignee-principal-type ServicePrincipal --scope "$STORAGE_ID" --output none
az role assignment create --role 'Storage Table Data Contributor' --assignee-object-id "$WORKER_IDENTITY" --assignee-principal-type ServicePrincipal --scope "$STORAGE_ID" --output none
TENANT_ID=$(az account show --query tenantId --output tsv)

COMMANDS
}

find_resources() {
  cat <<'COMMANDS'
API_IDENTITY=$(az webapp identity show --name "$API" --resource-group "$GROUP" --query principalId --output tsv)
API_HOST=$(az webapp show --name "$API" --resource-group "$GROUP" --query defaultHostName --output tsv)
VAULT_ID=$(az keyvault show --name "$VAULT" --resource-group "$GROUP" --query id --output tsv)
TENANT_ID=$(az account show --query tenantId --output tsv)

COMMANDS
}

# With the functions and variables of `npm run app-registration`.
connect_identity() {
  cat <<'COMMANDS'
say "The API's identity proves the API to Entra (no secret), and may look up applications in Microsoft Graph"
FEDERATION="{\"name\":\"api-identity\",\"issuer\":\"https://login.microsoftonline.com/$TENANT_ID/v2.0\",\"subject\":\"$API_IDENTITY\",\"audiences\":[\"api://AzureADTokenExchange\"]}"
if [ -n "$(az ad app federated-credential list --id "$API_CLIENT_ID" --query "[?name=='api-identity'].name" --output tsv)" ]; then
  az ad app federated-credential update --id "$API_CLIENT_ID" --federated-credential-id api-identity --parameters "$FEDERATION" --output none
else
  az ad app federated-credential create --id "$API_CLIENT_ID" --parameters "$FEDERATION" --output none
fi
GRAPH_OBJECT_ID=$(find_principal 00000003-0000-0000-c000-000000000000)
grant_role "$API_IDENTITY" "$GRAPH_OBJECT_ID" 9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30 # Application.Read.All

COMMANDS
}

configure() {
  cat <<'COMMANDS'
say "Settings of the API and the worker"
az webapp config appsettings set --name "$API" --resource-group "$GROUP" --output none --settings \
  HOST=0.0.0.0 \
  PORT=8080 \
  TRUST_PROXY=10.0.0.0/8,169.254.0.0/16,172.16.0.0/12 \
  "ENTRA_TENANT_ID=$TENANT_ID" \
  "ENTRA_API_CLIENT_ID=$API_CLIENT_ID" \
  "KEY_VAULT_URL=${VAULT_URL%/}" \
  "THIRD_PARTY_API_ENDPOINT=https://$NUMBERS_HOST/api/RandomNumber" \
  THIRD_PARTY_API_SECRET_NAME=number-api-key \
  "STORAGE_QUEUE_URL=${QUEUES_URL%/}/code-requests" \
  "CODES_TABLE_URL=${TABLES_URL%/}/codes" \
  SCM_DO_BUILD_DURING_DEPLOYMENT=false \
  WEBSITE_RUN_FROM_PACKAGE=1
az webapp config appsettings set --name "$WORKER" --resource-group "$GROUP" --output none --settings \
  HOST=0.0.0.0 \
  PORT=8080 \
  METRICS_PORT=8080 \
  "STORAGE_QUEUE_URL=${QUEUES_URL%/}/code-requests" \
  "CODES_TABLE_URL=${TABLES_URL%/}/codes" \
  SCM_DO_BUILD_DURING_DEPLOYMENT=false \
  WEBSITE_RUN_FROM_PACKAGE=1

COMMANDS
}

copy_number_api_key() {
  cat <<'COMMANDS'
say "The number API's key goes to the vault, seen by nobody"
copy_key() {
  az functionapp keys list --name "$NUMBERS" --resource-group "$GROUP" --query '{properties: {value: functionKeys.default}}' --output json |
    az rest --method put --url "$VAULT_ID/secrets/number-api-key?api-version=2023-07-01" --body @- --output none
}
# Roles take some minutes to be known everywhere; until then the Functions host has no keys.
for attempt in $(seq 30); do
  if copy_key; then break; fi
  if [ "$attempt" = 30 ]; then exit 1; fi
  sleep 10
done

say "Done. The API will be at https://$API_HOST, once infra/deploy.sh has brought the code."
echo "API_URL=https://$API_HOST"
COMMANDS
}

destroy_resources() {
  cat <<'COMMANDS'
# Its vault can be had back for 90 days; az keyvault purge ends that.
if [ "$(az group exists --name "$GROUP")" = true ]; then az group delete --name "$GROUP" --yes; fi
COMMANDS
}

destroy_registration() {
  cat <<'COMMANDS'
API_CLIENT_ID=$(find_app "$API")
if [ -n "$API_CLIENT_ID" ]; then az ad app delete --id "$API_CLIENT_ID"; fi
COMMANDS
}

registration=''
if [ -z "$api_client_id" ]; then registration=$(npm run --silent app-registration -- --name "$name-api" --no-caller); fi

set_up_entra() {
  if [ -n "$api_client_id" ]; then
    echo "API_CLIENT_ID=$api_client_id"
  else
    echo "$registration"
    connect_identity
  fi
}

commands() {
  echo 'set -euo pipefail'
  echo 'say() { echo "== $*" >&2; }'
  echo
  case $action in
    create)
      names
      create_resources
      set_up_entra
      configure
      copy_number_api_key
      ;;
    connect)
      names | grep -E '^(GROUP|VAULT|API|NUMBERS)='
      find_resources
      set_up_entra
      copy_number_api_key
      ;;
    destroy)
      names | grep -E '^(GROUP|API)='
      destroy_resources
      if [ -z "$api_client_id" ]; then
        cat infra/entra.sh
        destroy_registration
      fi
      ;;
  esac
}

script=$(commands)
if $dry_run; then
  echo "$script"
  exit
fi

if [ "$action" = destroy ] && $ask; then
  echo "This deletes the resource group $name with all that is in it, and the app registration $name-api." >&2
  read -r -p "Type $name to go on: " answer
  [ "$answer" = "$name" ] || fail 'Nothing was deleted.'
fi
bash -c "$script"
