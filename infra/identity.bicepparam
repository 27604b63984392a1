using 'identity.bicep'

// The managed group. Leave the list empty if it already exists: infra/grant-permissions.sh handles that.
param groups = [
  {
    uniqueName: 'contractors-active'
    displayName: 'Contractors (active)'
    mailNickname: 'contractors-active'
  }
]

var operatorsGroup = readEnvironmentVariable('OPERATORS_GROUP_ID', '')
param operators = empty(operatorsGroup) ? [] : [{ id: operatorsGroup, type: 'Group' }]
var approversGroup = readEnvironmentVariable('APPROVERS_GROUP_ID', '')
param approvers = empty(approversGroup) ? [] : [{ id: approversGroup, type: 'Group' }]
param allowDisablingAccounts = readEnvironmentVariable('ENFORCER_DISABLE_ACCOUNTS', 'none') != 'none'
