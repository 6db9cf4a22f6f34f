# shellcheck shell=bash
# Functions for commands that set up Entra; safe to run again.

# What was just created in Entra is not known everywhere at once.
retry() {
  local attempt
  for attempt in 1 2 3 4 5 6; do
    if "$@"; then return; fi
    if [ "$attempt" -lt 6 ]; then sleep 10; fi
  done
  return 1
}

# Prints the client id of the app registration with this name, or nothing. Names are not unique in Entra.
find_app() {
  local found
  found=$(az ad app list --filter "displayName eq '$1'" --query '[].appId' --output tsv) || return
  if [ "$(wc -w <<<"$found")" -gt 1 ]; then
    echo "Several app registrations are named $1: $(tr '\n' ' ' <<<"$found")" >&2
    return 1
  fi
  echo "$found"
}

# Prints the object id of the service principal of this client id, and creates it where it is missing.
find_principal() {
  local found
  found=$(az ad sp list --filter "appId eq '$1'" --query '[].id' --output tsv) || return
  if [ -z "$found" ]; then found=$(retry az ad sp create --id "$1" --query id --output tsv) || return; fi
  echo "$found"
}

# Grants an app role of one service principal to another: assignment and an administrator's consent in one.
grant_role() { # principal, resource, role id
  local granted
  granted=$(retry az rest --method get --url "https://graph.microsoft.com/v1.0/servicePrincipals/$1/appRoleAssignments" --query "length(value[?appRoleId=='$3' && resourceId=='$2'])" --output tsv) || return
  if [ "$granted" = 0 ]; then
    retry az rest --method post --url "https://graph.microsoft.com/v1.0/servicePrincipals/$2/appRoleAssignedTo" --body "{\"principalId\":\"$1\",\"resourceId\":\"$2\",\"appRoleId\":\"$3\"}" --output none
  fi
}
