#!/usr/bin/env bash
# Brings the code to what infra/provision.sh created: see docs/deployment.md. What it runs is what --dry-run prints.
set -euo pipefail
cd "$(dirname "$0")/.."

usage() {
  cat <<'HELP'
bash infra/deploy.sh --name <name> [--dry-run]

Packs the service in a few files (npm run bundle) with its production dependencies, and brings it to the API, the worker and
the number API that bash infra/provision.sh --name <name> created.
HELP
}

fail() {
  echo "$1" >&2
  exit 2
}

name='' dry_run=false
while [ $# -gt 0 ]; do
  case $1 in
    --name)
      [ $# -gt 1 ] || fail "$1 needs a value."
      name=$2
      shift
      ;;
    --dry-run) dry_run=true ;;
    --help)
      usage
      exit
      ;;
    *) fail "$1 is not known: bash infra/deploy.sh --help" ;;
  esac
  shift
done
[[ $name =~ ^[a-z][a-z0-9-]{1,14}[a-z0-9]$ ]] || fail '--name takes the name that infra/provision.sh got.'

commands() {
  cat <<NAMES
set -euo pipefail
GROUP=$name
API=$name-api
WORKER=$name-worker
NUMBERS=$name-numbers
NAMES
  cat <<'COMMANDS'
PACKED=$(mktemp -d)
trap 'rm -rf "$PACKED"' EXIT

echo "== The service: its bundle and its production dependencies" >&2
mkdir -p "$PACKED/service/tools"
cp package.json package-lock.json .npmrc "$PACKED/service"
cp tools/require-node.mjs "$PACKED/service/tools"
node tools/bundle.mjs "$PACKED/service/bundle"
(cd "$PACKED/service" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund)
# Type declarations and source maps are half of it, and nothing runs them.
find "$PACKED/service/node_modules" -type f \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' \) -delete
(cd "$PACKED/service" && zip -q -r "$PACKED/service.zip" .)

echo "== The number API" >&2
cp -R functions/number-api "$PACKED/numbers"
(cd "$PACKED/numbers" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund && zip -q -r "$PACKED/numbers.zip" .)

echo "== To Azure" >&2
az functionapp deployment source config-zip --name "$NUMBERS" --resource-group "$GROUP" --src "$PACKED/numbers.zip" --output none
az webapp deploy --name "$WORKER" --resource-group "$GROUP" --type zip --src-path "$PACKED/service.zip" --output none
az webapp deploy --name "$API" --resource-group "$GROUP" --type zip --src-path "$PACKED/service.zip" --output none

API_HOST=$(az webapp show --name "$API" --resource-group "$GROUP" --query defaultHostName --output tsv)
echo "== Is https://$API_HOST ready?" >&2
curl --silent --show-error --fail --max-time 10 --retry 30 --retry-delay 5 --retry-all-errors "https://$API_HOST/readyz"
COMMANDS
}

script=$(commands)
if $dry_run; then
  echo "$script"
  exit
fi
[ -d node_modules/esbuild ] || fail 'Run npm ci first: it brings what packs the service.'
command -v zip >/dev/null || fail 'This needs the program zip.'
bash -c "$script"
