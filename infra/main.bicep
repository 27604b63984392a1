metadata description = 'The enforcer of contractor access end dates, in a resource group. docs/deploy.md is the guide.'

targetScope = 'resourceGroup'

import { network, principal } from 'modules/types.bicep'

// ---- What the enforcer does: one parameter for each setting, same name (docs/deploy.md has the table) ----
// The defaults are the settings' own, but for mode, which has none, and tenantId, which is this tenant's.

@description('ENFORCER_GROUP_IDS. Object IDs of the managed groups.')
@minLength(1)
param groupIds string[]

@description('ENFORCER_MODE. "report" plans and records and changes nothing in Entra. No default: the choice is deliberate.')
@allowed(['report', 'enforce'])
param mode string

@description('ENFORCER_SCHEDULE. NCRONTAB of the nightly timer, six fields, in UTC.')
@minLength(11)
param schedule string = '0 30 0 * * *'

@description('ENFORCER_TIME_ZONE. IANA name of the zone in which days end, such as Europe/Berlin.')
@minLength(1)
param timeZone string = 'UTC'

@description('ENFORCER_MIDNIGHT. What an end of access at exactly midnight means: that instant, or the whole day that begins then.')
@allowed(['instant', 'day'])
param midnight string = 'instant'

@description('ENFORCER_DISABLE_ACCOUNTS. Whose accounts are disabled too.')
@allowed(['none', 'guests', 'all'])
param disableAccounts string = 'none'

@description('ENFORCER_UNREGISTERED. What becomes of members without a row in the register.')
@allowed(['report', 'offboard'])
param unregistered string = 'report'

@description('ENFORCER_ONBOARD. What becomes of contractors whose time has begun but who are no members.')
@allowed(['report', 'add'])
param onboard string = 'report'

@description('ENFORCER_BRAKE_COUNT. Above this many people and brakePercent, a plan waits for an approval.')
@minValue(0)
param brakeCount int = 10

@description('ENFORCER_BRAKE_PERCENT. Above this share of the members and brakeCount, a plan waits for an approval.')
@minValue(0)
@maxValue(100)
param brakePercent int = 20

@description('ENFORCER_PROTECTED_IDS. Object IDs that are never acted upon.')
param protectedIds string[] = []

@description('ENFORCER_WARN_DAYS. How many days before the end sponsors are told.')
param warnDays int[] = [14, 7, 1]

@description('ENFORCER_NOTIFY_URLS. Apprise URLs, separated by commas; a Key Vault reference keeps their secrets out of here.')
@secure()
param notifyUrls string = ''

@description('ENFORCER_MAIL_SENDER. Mailbox from which sponsors get their mail; empty for none.')
param mailSender string = ''

@description('ENFORCER_TENANT_ID. Whose tokens the HTTP API accepts.')
param tenantId string = tenant().tenantId

@description('ENFORCER_API_AUDIENCE. Client ID of the app registration of the API (identity.bicep makes it); empty keeps the API closed.')
param apiAudience string = ''

@description('ENFORCER_API_ROLE. The app role that may change something.')
@minLength(1)
param apiRole string = 'Contractors.Offboard'

@description('ENFORCER_AUTHORITY_URL. Where sign-in and signing keys are; differs in national clouds. No slash at the end.')
param authorityUrl string = 'https://login.microsoftonline.com'

@description('ENFORCER_LEASE_SECONDS. How long the lease of a run lives without being renewed.')
@minValue(1)
@maxValue(3600)
param leaseSeconds int = 60

@description('ENFORCER_GRAPH_URL. Microsoft Graph; differs in national clouds.')
param graphUrl string = 'https://graph.microsoft.com'

// ---- Where and how it runs ----

@description('Short name of this deployment; part of the names of all resources.')
@minLength(2)
@maxLength(24)
param name string = 'contractor-access'

@description('Region of all resources.')
param location string = resourceGroup().location

@description('Tags for every resource.')
param tags object = {}

@description('Name of the user-assigned identity; identity.bicep makes one of the same name.')
param identityName string = 'id-${name}'

@description('Make the identity where it is missing. Off when it lies in another resource group.')
param createIdentity bool = true

@description('Resource group of the identity.')
param identityResourceGroup string = resourceGroup().name

@description('Redundancy of the register and the ledger.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageSku string = 'Standard_ZRS'

@description('Memory of an instance in MB.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Most instances at a time. Microsoft Graph allows 20 writes a second in all, whatever their number.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Instances kept warm for the HTTP API; each is charged all day.')
@minValue(0)
@maxValue(5)
param alwaysReadyHttpInstances int = 0

@description('Days for which telemetry is kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 90

@description('Days for which a report can be neither changed nor deleted; 0 for no such rule. 0 also once the policy is locked: a deployment cannot change it then.')
@minValue(0)
@maxValue(3650)
param reportRetentionDays int = 0

@description('Lock the storage account and the identity against deletion.')
param lock bool = true

// ---- Who is told, and who may do what ----

@description('Addresses that get the alarms.')
param alertEmails string[] = []

@description('Action groups that exist already and get the alarms, by resource ID.')
param actionGroupIds string[] = []

@description('Who may run `python -m enforcer` against this storage account.')
param operators principal[] = []

@description('Who may write the register and nothing else, such as the feed of the HR system.')
param registerWriters principal[] = []

@description('People reach the operators\' page by signing in; without, only callers that bring a token are let in.')
param browserSignIn bool = true

@description('Address ranges (CIDR) from which the API may be called; empty for everywhere.')
param apiIpRanges string[] = []

// ---- Private network ----

@description('Subnets for outgoing traffic and for private endpoints of storage; leave out for none.')
param privateNetwork network?

@description('Address ranges (no /31, no /32) from which storage may be reached besides the private network.')
param storageIpRanges string[] = []

var uniqueName = '${name}-${uniqueString(resourceGroup().id, name)}'
var allTags = union({ application: 'contractor-access-enforcer' }, tags)

module newIdentity 'modules/new-identity.bicep' = if (createIdentity) {
  name: 'new-identity'
  params: {
    name: identityName
    location: location
    tags: allTags
    lock: lock
  }
}

module identity 'modules/identity.bicep' = {
  name: 'identity'
  scope: resourceGroup(identityResourceGroup)
  params: {
    name: identityName
  }
  dependsOn: [
    newIdentity
  ]
}

module storage 'modules/storage.bicep' = {
  name: 'storage'
  params: {
    name: 'st${uniqueString(resourceGroup().id, name)}'
    location: location
    tags: allTags
    sku: storageSku
    closed: privateNetwork != null
    allowedIpRanges: storageIpRanges
    reportRetentionDays: reportRetentionDays
    lock: lock
  }
}

module roles 'modules/roles.bicep' = {
  name: 'roles'
  params: {
    storageAccountName: storage.outputs.name
    identityPrincipalId: identity.outputs.principalId
    operators: operators
    registerWriters: registerWriters
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  params: {
    name: uniqueName
    location: location
    tags: allTags
    retentionDays: logRetentionDays
    identityPrincipalId: identity.outputs.principalId
  }
}

module privateEndpoints 'modules/private-endpoints.bicep' = if (privateNetwork != null) {
  name: 'private-endpoints'
  params: {
    name: uniqueName
    location: location
    tags: allTags
    subnetId: privateNetwork.?endpointSubnetId ?? ''
    storageAccountId: storage.outputs.id
    dnsZoneIds: privateNetwork.?dnsZoneIds ?? {}
  }
}

module app 'modules/app.bicep' = {
  name: 'app'
  params: {
    name: 'func-${uniqueName}'
    location: location
    tags: allTags
    enforcerSettings: {
      ENFORCER_GROUP_IDS: join(groupIds, ',')
      ENFORCER_MODE: mode
      ENFORCER_SCHEDULE: schedule
      ENFORCER_TIME_ZONE: timeZone
      ENFORCER_MIDNIGHT: midnight
      ENFORCER_DISABLE_ACCOUNTS: disableAccounts
      ENFORCER_UNREGISTERED: unregistered
      ENFORCER_ONBOARD: onboard
      ENFORCER_BRAKE_COUNT: string(brakeCount)
      ENFORCER_BRAKE_PERCENT: string(brakePercent)
      ENFORCER_PROTECTED_IDS: join(protectedIds, ',')
      ENFORCER_WARN_DAYS: join(warnDays, ',')
      ENFORCER_MAIL_SENDER: mailSender
      ENFORCER_TENANT_ID: tenantId
      ENFORCER_API_AUDIENCE: apiAudience
      ENFORCER_API_ROLE: apiRole
      ENFORCER_AUTHORITY_URL: authorityUrl
      ENFORCER_LEASE_SECONDS: string(leaseSeconds)
      ENFORCER_GRAPH_URL: graphUrl
    }
    notifyUrls: notifyUrls
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    storageBlobUri: storage.outputs.blobUri
    storageQueueUri: storage.outputs.queueUri
    storageTableUri: storage.outputs.tableUri
    deploymentContainerUri: storage.outputs.deploymentContainerUri
    insightsConnectionString: monitoring.outputs.connectionString
    instanceMemoryMB: instanceMemoryMB
    maximumInstanceCount: maximumInstanceCount
    alwaysReadyHttpInstances: alwaysReadyHttpInstances
    subnetId: privateNetwork.?appSubnetId ?? ''
    apiClientId: replace(apiAudience, 'api://', '')
    tenantId: tenantId
    authorityUrl: authorityUrl
    browserSignIn: browserSignIn
    apiIpRanges: apiIpRanges
  }
  // The host opens storage when the app is made: its roles, and the way there, come first.
  dependsOn: [
    roles
    privateEndpoints
  ]
}

module alarms 'modules/alarms.bicep' = {
  name: 'alarms'
  params: {
    name: uniqueName
    location: location
    tags: allTags
    workspaceId: monitoring.outputs.workspaceId
    groupIds: groupIds
    emails: alertEmails
    actionGroupIds: actionGroupIds
  }
}

module workbook 'modules/workbook.bicep' = {
  name: 'workbook'
  params: {
    location: location
    tags: allTags
    workspaceId: monitoring.outputs.workspaceId
  }
}

@description('Name of the function app.')
output appName string = app.outputs.name

@description('Where the API and the operators\' page are.')
output apiUrl string = 'https://${app.outputs.hostName}/api'

@description('Storage account of the register.')
output storageAccountName string = storage.outputs.name

@description('For `python -m enforcer` from a workstation: EnforcerStorage__tableServiceUri and its like.')
output tableServiceUri string = storage.outputs.tableUri
output queueServiceUri string = storage.outputs.queueUri
output blobServiceUri string = storage.outputs.blobUri

@description('Object ID of the identity, for infra/grant-permissions.sh.')
output identityPrincipalId string = identity.outputs.principalId

@description('Whether the API may be called from the addresses of apiIpRanges only.')
output apiRestricted bool = !empty(apiIpRanges)

@description('What should be mended though the deployment succeeded; empty where there is nothing.')
output warnings string[] = empty(alertEmails) && empty(actionGroupIds)
  ? ['Nobody is told of an alarm: set alertEmails (ALERT_EMAILS) or actionGroupIds.']
  : []
