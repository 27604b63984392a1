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

@description('Log Analytics workspace that is told of every access.')
param workspaceId string

var tableNames = [
  'contractors'
  'enforcements'
  'ledger'
  'runs'
  'leases'
  'plans'
  'outbox'
  'policies'
  'ends'
]

var queueNames = [
  'sweeps'
  'sweeps-poison'
  'offboardings'
  'offboardings-poison'
]

// The first two are the Functions host's, which would make them itself; a role can be given for what exists.
var containerNames = [
  'azure-webjobs-hosts'
  'azure-webjobs-secrets'
  'deployments'
  'reports'
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
    // Storage speaks 1.3, but cannot require it yet.
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
    isVersioningEnabled: true
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

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2025-01-01' = [
  for containerName in containerNames: {
    parent: blobService
    name: containerName
    properties: {
      publicAccess: 'None'
    }
  }
]

resource reportRetention 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies@2025-01-01' = if (reportRetentionDays > 0) {
  parent: containers[indexOf(containerNames, 'reports')]
  name: 'default'
  properties: {
    immutabilityPeriodSinceCreationInDays: reportRetentionDays
  }
}

// The host rewrites its own blobs all day, and each deployment the package: their versions are not kept for ever.
resource oldVersions 'Microsoft.Storage/storageAccounts/managementPolicies@2025-01-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'old-versions'
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: [
                'blockBlob'
              ]
              prefixMatch: [
                'azure-webjobs'
                'deployments'
              ]
            }
            actions: {
              version: {
                delete: {
                  daysAfterCreationGreaterThan: 90
                }
              }
            }
          }
        }
      ]
    }
  }
}

var accessLogs = map(['StorageRead', 'StorageWrite', 'StorageDelete'], category => {
  category: category
  enabled: true
})

#disable-next-line use-recent-api-versions // What Azure documents for storage; the stable version is from 2016.
resource tableLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: tableService
  name: 'access'
  properties: {
    workspaceId: workspaceId
    logs: accessLogs
  }
}

#disable-next-line use-recent-api-versions // What Azure documents for storage; the stable version is from 2016.
resource queueLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: queueService
  name: 'access'
  properties: {
    workspaceId: workspaceId
    logs: accessLogs
  }
}

#disable-next-line use-recent-api-versions // What Azure documents for storage; the stable version is from 2016.
resource blobLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  scope: blobService
  name: 'access'
  properties: {
    workspaceId: workspaceId
    logs: accessLogs
  }
}

output id string = account.id
output blobUri string = account.properties.primaryEndpoints.blob
output queueUri string = account.properties.primaryEndpoints.queue
output tableUri string = account.properties.primaryEndpoints.table
output deploymentContainerUri string = '${account.properties.primaryEndpoints.blob}deployments'
