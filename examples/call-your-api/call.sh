#!/bin/sh
# Calls the API as an application of Entra, or of B2C with --b2c, with curl.
#   call.sh getcode|hello-graph [--b2c]      environment: see docs/calling.md
set -eu
endpoint=${1:-hello-graph}
if [ "${2:-}" = --b2c ]; then
  host=${B2C_AUTHORITY_HOST:-https://$B2C_TENANT_NAME.b2clogin.com}
  token_url=$host/$B2C_TENANT_NAME.onmicrosoft.com/${B2C_POLICY%%,*}/oauth2/v2.0/token
  client_id=$B2C_CALLER_CLIENT_ID secret=$B2C_CALLER_CLIENT_SECRET scope=$B2C_CALLER_SCOPE
else
  token_url=${ENTRA_AUTHORITY_HOST:-https://login.microsoftonline.com}/$ENTRA_TENANT_ID/oauth2/v2.0/token
  client_id=$CALLER_CLIENT_ID secret=$CALLER_CLIENT_SECRET scope=$CALLER_SCOPE
fi
token=$(curl -sS ${LOCAL_CLOUD_CA_FILE:+--cacert "$LOCAL_CLOUD_CA_FILE"} "$token_url" \
  --data-urlencode grant_type=client_credentials --data-urlencode "client_id=$client_id" \
  --data-urlencode "client_secret=$secret" --data-urlencode "scope=$scope" |
  sed -n 's/.*"access_token":"\([^"]*\)".*/\1/p')
curl -sS --fail-with-body -H "Authorization: Bearer $token" "${API_URL:-http://127.0.0.1:3000}/api/v1/$endpoint"
echo
