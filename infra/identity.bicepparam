using 'identity.bicep'

// The group of the contractors. Leave the list empty where the group exists: infra/grant-permissions.sh deals with it.
param groups = [
  {
    uniqueName: 'contractors-active'
    displayName: 'Contractors (active)'
    mailNickname: 'contractors-active'
  }
]

var operatorsGroup = readEnvironmentVariable('OPERATORS_GROUP_ID', '')
param operators = empty(operatorsGroup) ? [] : [{ id: operatorsGroup, type: 'Group' }]
param allowDisablingAccounts = readEnvironmentVariable('ENFORCER_DISABLE_ACCOUNTS', 'none') != 'none'
