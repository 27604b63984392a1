metadata description = 'Who may do what in the storage account: the enforcer, its operators, and those who write the register.'

import { principal } from 'types.bicep'

param storageAccountName string

@description('Object ID of the enforcer\'s identity.')
param identityPrincipalId string

@description('Whether the blob roles are given for the containers instead of the account.')
param blobRolesByContainer bool

param operators principal[]
param registerWriters principal[]

// Microsoft Learn, "Azure built-in roles for Storage".
var tableDataContributor = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
var queueDataContributor = '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
var blobDataOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
var blobDataContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
var tableDataReader = '76199698-9eea-4c19-bc75-cec21354c6b6'
var queueDataReader = '19e7f393-937e-4f77-808e-94535e297925'
var blobDataReader = '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'

// Blob owner: the Functions host keeps leases, keys, the timer's state and the package there.
var identityRoleIds = concat(blobRolesByContainer ? [] : [blobDataOwner], [queueDataContributor, tableDataContributor])
var containersOfTheHost = ['azure-webjobs-hosts', 'azure-webjobs-secrets', 'deployments']
var operatorRoleIds = [tableDataReader, queueDataReader]

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

resource hostContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' existing = [
  for container in containersOfTheHost: {
    parent: blobService
    name: container
  }
]

resource hostContainerRoles 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (container, index) in containersOfTheHost: if (blobRolesByContainer) {
    scope: hostContainers[index]
    name: guid(account.id, container, identityPrincipalId, blobDataOwner)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobDataOwner)
      principalId: identityPrincipalId
      principalType: 'ServicePrincipal'
    }
  }
]

resource reportsRole 'Microsoft.Authorization/roleAssignments@2022-04-01' = if (blobRolesByContainer) {
  scope: reports
  name: guid(reports.id, identityPrincipalId, blobDataContributor)
  properties: {
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', blobDataContributor)
    principalId: identityPrincipalId
    principalType: 'ServicePrincipal'
  }
}

// Operators read as themselves with `python -m enforcer`; what changes anything goes through the API, which knows who asks.
resource operatorAccount 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for assignment in flatten(map(operators, operator => map(operatorRoleIds, role => { operator: operator, role: role }))): {
    scope: account
    name: guid(account.id, assignment.operator.id, assignment.role)
    properties: {
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', assignment.role)
      principalId: assignment.operator.id
      principalType: assignment.operator.type
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
