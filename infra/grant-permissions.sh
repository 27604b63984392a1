#!/usr/bin/env bash
# Grants the enforcer's identity its Microsoft Graph permissions, as identity.bicep does, without the Graph extension.
# Needs the Azure CLI, signed in as a Privileged Role Administrator. Idempotent: run it again after any change.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: grant-permissions.sh --principal OBJECT_ID --group OBJECT_ID [--group …] [options]

  --principal ID          object ID of the identity (output identityPrincipalId of main.bicep)
  --group ID              a managed group; may be given several times
  --membership owner      change memberships as an owner of the groups (the default)
  --membership tenant     … with GroupMember.ReadWrite.All, in all groups of the tenant
  --disable-accounts      for ENFORCER_DISABLE_ACCOUNTS other than none
  --no-policies           leave out Policy.Read.All: no check of the policies, no proof by Entra
  --send-mail             for ENFORCER_MAIL_SENDER: any mailbox (docs/permissions.md shows how to limit it to one)
  --dry-run               only print what would be done
TEXT
}

fail() {
  echo "grant-permissions.sh: $*" >&2
  exit 2
}

principal='' groups=() membership=owner dry_run=''
permissions=(GroupMember.Read.All User.Read.All User.RevokeSessions.All)
policies=(Policy.Read.All)
while (($#)); do
  case $1 in
    --principal) principal=${2:?} && shift ;;
    --group) groups+=("${2:?}") && shift ;;
    --membership) membership=${2:?} && shift ;;
    --disable-accounts) permissions+=(User.EnableDisableAccount.All) ;;
    --no-policies) policies=() ;;
    --send-mail) permissions+=(Mail.Send) ;;
    --dry-run) dry_run=yes ;;
    --help) usage && exit ;;
    *) fail "unknown argument: $1 (--help)" ;;
  esac
  shift
done
[[ $principal ]] || fail 'no --principal (--help)'
((${#groups[@]})) || fail 'no --group (--help)'
case $membership in
  owner) ;;
  tenant) permissions+=(GroupMember.ReadWrite.All) ;;
  *) fail "--membership is $membership; it may be owner or tenant" ;;
esac
permissions+=(${policies[@]+"${policies[@]}"})

graph=$(az cloud show --query endpoints.microsoftGraphResourceId --output tsv)
graph=${graph%/}/v1.0

ask() { # path, JMESPath query
  az rest --method GET --url "$graph/$1" --query "$2" --output tsv
}

post() { # path, body
  if [[ $dry_run ]]; then
    echo "  would POST $1 $2"
  else
    az rest --method POST --url "$graph/$1" --headers Content-Type=application/json --body "$2" --output none
  fi
}

graph_principal=$(ask "servicePrincipals(appId='00000003-0000-0000-c000-000000000000')" id)
for permission in "${permissions[@]}"; do
  role=$(ask "servicePrincipals/$graph_principal" \
    "appRoles[?value=='$permission' && contains(allowedMemberTypes, 'Application')].id | [0]")
  [[ $role ]] || fail "Microsoft Graph of this cloud has no application permission $permission"
  held=$(ask "servicePrincipals/$principal/appRoleAssignments" "value[?appRoleId=='$role'].id | [0]")
  if [[ $held ]]; then
    echo "has  $permission"
  else
    echo "give $permission"
    post "servicePrincipals/$graph_principal/appRoleAssignedTo" \
      "{\"principalId\":\"$principal\",\"resourceId\":\"$graph_principal\",\"appRoleId\":\"$role\"}"
  fi
done

own() { # group
  local answer
  if answer=$(post "groups/$1/owners/\$ref" "{\"@odata.id\":\"$graph/directoryObjects/$principal\"}" 2>&1); then
    echo "make it an owner of group $1"
    [[ ! $answer ]] || echo "$answer"
  elif [[ $answer == *'already exist'* ]]; then
    echo "owns group $1" # the list of owners lags behind
  else
    fail "$answer"
  fi
}

[[ $membership == owner ]] || exit 0
for group in "${groups[@]}"; do
  # Without the cast Graph leaves service principals out (group: list owners).
  owner=$(ask "groups/$group/owners/microsoft.graph.servicePrincipal?\$select=id" "value[?id=='$principal'].id | [0]")
  if [[ $owner ]]; then
    echo "owns group $group"
  else
    own "$group"
  fi
done
