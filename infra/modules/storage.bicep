metadata description = 'The storage account: register, records, queues, reports, and the Functions host\'s own data.'

param name string
param location string
param tags object
param sku string

@description('Close storage to the internet, except for the given addresses.')
param closed bool

param allowedIpRanges string[]

@description('Days during which a report can be neither changed nor deleted; 0 for no such policy.')
param reportRetentionDays int

param lock bool

var tableNames = [
  'contractors'
  'enforcements'
  'ledger'
  'runs'
  'leases'
  'plans'
  'outbox'
  'policies'
]

var queueNames = [
  'sweeps'
  'sweeps-poison'
  'offboardings'
  'offboardings-poison'
]

resource account 'Microsoft.Storage/storageAccounts@2025-01-01' = {
  name: name
  location: location
  tags: tags
  sku: {
    name: sku
  }
  kind: 'StorageV2'
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: closed && empty(allowedIpRanges) ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'AzureServices'
      defaultAction: closed ? 'Deny' : 'Allow'
      ipRules: [
        for addresses in allowedIpRanges: {
          value: addresses
          action: 'Allow'
        }
      ]
    }
  }
}

resource noDeletion 'Microsoft.Authorization/locks@2020-05-01' = if (lock) {
  scope: account
  name: 'no-deletion'
  properties: {
    level: 'CanNotDelete'
    notes: 'Contains the register of contractors and the ledger. Tables cannot be restored.'
  }
}

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2025-01-01' = {
  parent: account
  name: 'default'
}

resource tables 'Microsoft.Storage/storageAccounts/tableServices/tables@2025-01-01' = [
  for tableName in tableNames: {
    parent: tableService
    name: tableName
  }
]

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2025-01-01' = {
  parent: account
  name: 'default'
}

resource queues 'Microsoft.Storage/storageAccounts/queueServices/queues@2025-01-01' = [
  for queueName in queueNames: {
    parent: queueService
    name: queueName
  }
]

resource blobService 'Microsoft.Storage/storageAccounts/blobServices@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    deleteRetentionPolicy: {
      enabled: true
      days: 14
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: 14
    }
  }
}

resource deployments 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = {
  parent: blobService
  name: 'deployments'
  properties: {
    publicAccess: 'None'
  }
}

resource reports 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = {
  parent: blobService
  name: 'reports'
  properties: {
    publicAccess: 'None'
  }
}

resource reportRetention 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies@2025-01-01' = if (reportRetentionDays > 0) {
  parent: reports
  name: 'default'
  properties: {
    immutabilityPeriodSinceCreationInDays: reportRetentionDays
  }
}

output name string = account.name
output id string = account.id
output blobUri string = account.properties.primaryEndpoints.blob
output queueUri string = account.properties.primaryEndpoints.queue
output tableUri string = account.properties.primaryEndpoints.table
output deploymentContainerUri string = '${account.properties.primaryEndpoints.blob}${deployments.name}'
