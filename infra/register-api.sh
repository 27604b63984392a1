#!/usr/bin/env bash
# Registers the HTTP API in Entra ID, as identity.bicep does, without the Graph extension. Prints ENFORCER_API_AUDIENCE.
# Needs the Azure CLI, signed in as an Application Administrator. Idempotent: run it again after any change.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: register-api.sh --app NAME --principal OBJECT_ID [--operators OBJECT_ID] [--extenders OBJECT_ID]
                       [--approvers OBJECT_ID] [--readers OBJECT_ID] [--azure-cli]

  --app NAME        name of the function app (output appName of main.bicep)
  --principal ID    object ID of its identity (output identityPrincipalId of main.bicep)
  --operators ID    group, person or service principal that may offboard, extend, sweep and undo
  --extenders ID    group, person or service principal that may register and extend
  --approvers ID    group, person or service principal that may approve held plans of others
  --readers ID      group, person or service principal that may read
  --azure-cli       let people get a token for the API with `az account get-access-token`
TEXT
}

fail() {
  echo "register-api.sh: $*" >&2
  exit 2
}

app='' principal='' operators='' extenders='' approvers='' readers='' azure_cli=''
while (($#)); do
  case $1 in
    --app) app=${2:?} && shift ;;
    --principal) principal=${2:?} && shift ;;
    --operators) operators=${2:?} && shift ;;
    --extenders) extenders=${2:?} && shift ;;
    --approvers) approvers=${2:?} && shift ;;
    --readers) readers=${2:?} && shift ;;
    --azure-cli) azure_cli=yes ;;
    --help) usage && exit ;;
    *) fail "unknown argument: $1 (--help)" ;;
  esac
  shift
done
[[ $app ]] || fail 'no --app (--help)'
[[ $principal ]] || fail 'no --principal (--help)'

# Same IDs as in identity.bicep; a role that the registration already has keeps its own.
read_role=2eece384-4438-4cb3-8b3d-711ba7960346
offboard_role=35107594-19fc-49ef-b47c-6398e3913264
extend_role=6c1f2f0f-7d0a-4a3e-9d5e-2f6f1f0c8b41
approve_role=b8d9a0d3-4b9e-4c8b-8a57-1f5d0c2e7a96
scope=73bc9d76-c0bc-4881-8e0e-2c27171c867e
azure_cli_app=04b07795-8ddb-461a-bbee-02f9e1bf7b46

graph=$(az cloud show --query endpoints.microsoftGraphResourceId --output tsv)
graph=${graph%/}/v1.0
authority=$(az cloud show --query endpoints.activeDirectory --output tsv)
tenant=$(az account show --query tenantId --output tsv)
host=$(az functionapp list --query "[?name=='$app'].defaultHostName | [0]" --output tsv)
[[ $host ]] || fail "no function app $app in this subscription"

ask() { # path, JMESPath query
  az rest --method GET --url "$graph/$1" --query "$2" --output tsv
}

send() { # method, path, body
  az rest --method "$1" --url "$graph/$2" --headers Content-Type=application/json --body "$3" --output none
}

upsert() { # path by an alternate key, body
  az rest --method PATCH --url "$graph/$1" --headers Content-Type=application/json Prefer=create-if-missing \
    --body "$2" --output none
}

role() { # id, value, display name
  printf '{"id":"%s","value":"%s","displayName":"%s","description":"%s","isEnabled":true,' "$1" "$2" "$3" "$3"
  printf '"allowedMemberTypes":["User","Application"]}'
}

unique_name=api-${app#func-}
registration="applications(uniqueName='$unique_name')"
existing="applications?\$filter=uniqueName%20eq%20'$unique_name'&\$select=appRoles"

role_id() { # value, ID of a new one
  local id
  id=$(ask "$existing" "value[0].appRoles[?value=='$1'].id | [0]")
  echo "${id:-$2}"
}

read_role=$(role_id Contractors.Read "$read_role")
extend_role=$(role_id Contractors.Extend "$extend_role")
offboard_role=$(role_id Contractors.Offboard "$offboard_role")
approve_role=$(role_id Contractors.Approve "$approve_role")
# Graph replaces the list as a whole, and refuses to drop a role that is enabled.
own="['Contractors.Read','Contractors.Extend','Contractors.Offboard','Contractors.Approve']"
others=$(az rest --method GET --url "$graph/$existing" --query "value[0].appRoles[?!contains($own, value)]" --output json)
others=${others#[} others=${others%]}
upsert "$registration" "{
  \"displayName\":\"Contractor access ($app)\",
  \"signInAudience\":\"AzureADMyOrg\",
  \"api\":{\"requestedAccessTokenVersion\":2,\"oauth2PermissionScopes\":[{
    \"id\":\"$scope\",\"value\":\"access_as_user\",\"type\":\"User\",\"isEnabled\":true,
    \"adminConsentDisplayName\":\"Use the contractor access API\",
    \"adminConsentDescription\":\"Use the contractor access API as the signed-in person\"}]},
  \"optionalClaims\":{\"accessToken\":[{\"name\":\"idtyp\",\"additionalProperties\":[\"include_user_token\"]}]},
  \"appRoles\":[
    $(role "$read_role" Contractors.Read 'Look at contractors'),
    $(role "$extend_role" Contractors.Extend 'Register and extend contractors'),
    $(role "$offboard_role" Contractors.Offboard 'Offboard contractors'),
    $(role "$approve_role" Contractors.Approve 'Approve held plans')${others:+, $others}],
  \"web\":{\"redirectUris\":[\"https://$host/.auth/login/aad/callback\"],
    \"implicitGrantSettings\":{\"enableIdTokenIssuance\":true}}}"
client_id=$(ask "$registration" appId)
application="applications(appId='$client_id')"

if [[ $azure_cli ]]; then
  # The scope must exist before an application can be authorized for it.
  send PATCH "$application" "{\"api\":{\"preAuthorizedApplications\":[
    {\"appId\":\"$azure_cli_app\",\"delegatedPermissionIds\":[\"$scope\"]}]}}"
fi

credential=$(ask "$application/federatedIdentityCredentials" "value[?subject=='$principal'].id | [0]")
if [[ -z $credential ]]; then
  send POST "$application/federatedIdentityCredentials" "{\"name\":\"app-service-authentication\",
    \"issuer\":\"$authority/$tenant/v2.0\",\"subject\":\"$principal\",\"audiences\":[\"api://AzureADTokenExchange\"]}"
fi

api="servicePrincipals(appId='$client_id')"
upsert "$api" '{"appRoleAssignmentRequired":true}'
api_principal=$(ask "$api" id)

give() { # principal, app role
  local held
  held=$(ask "servicePrincipals/$api_principal/appRoleAssignedTo" \
    "value[?principalId=='$1' && appRoleId=='$2'].id | [0]")
  [[ $held ]] || send POST "servicePrincipals/$api_principal/appRoleAssignedTo" \
    "{\"principalId\":\"$1\",\"resourceId\":\"$api_principal\",\"appRoleId\":\"$2\"}"
}

[[ -z $operators ]] || give "$operators" "$offboard_role"
[[ -z $extenders ]] || give "$extenders" "$extend_role"
[[ -z $approvers ]] || give "$approvers" "$approve_role"
[[ -z $readers ]] || give "$readers" "$read_role"
echo "ENFORCER_API_AUDIENCE=$client_id"
