metadata description = 'Who may do what in the storage account: the enforcer, its operators, and those who write the register.'

import { principal } from 'types.bicep'

param storageAccountName string

@description('Object ID of the enforcer\'s identity.')
param identityPrincipalId string

param operators principal[]
param registerWriters principal[]

var tableDataContributor = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
var queueDataContributor = '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
var blobDataOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
var blobDataReader = '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'

// Blob owner: the Functions host keeps leases, keys, the timer's state and the package there.
var identityRoleIds = [
  blobDataOwner
  queueDataContributor
  tableDataContributor
]

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' existing = {
  name: storageAccountName
}

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2025-01-01' existing = {
  parent: account
  name: 'default'
}

resource register 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-01-01' existing = {
  parent: tableService
  name: 'contractors'
}

resource blobService 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' existing = {
  parent: account
  name: 'default'
}

resource reports 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' existing = {
  parent: blobService
  name: 'reports'
}

resource identityRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for roleId in identityRoleIds: {
    scope: account
    name: guid(account.id, identityPrincipalId, roleId)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roleId)
      principalId: identityPrincipalId
      principalType: 'ServicePrincipal'
    }
  }
]

// Operators run `python -m enforcer` as themselves.
resource operatorTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for operator in operators: {
    scope: account
    name: guid(account.id, operator.id, tableDataContributor)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', tableDataContributor)
      principalId: operator.id
      principalType: operator.type
    }
  }
]

resource operatorReports 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for operator in operators: {
    scope: reports
    name: guid(reports.id, operator.id, blobDataReader)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobDataReader)
      principalId: operator.id
      principalType: operator.type
    }
  }
]

// HR's feed writes the register and nothing else.
resource registerWriterRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for writer in registerWriters: {
    scope: register
    name: guid(register.id, writer.id, tableDataContributor)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', tableDataContributor)
      principalId: writer.id
      principalType: writer.type
    }
  }
]
