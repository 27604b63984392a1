metadata description = 'The contractor access enforcer and its resources, in one resource group. See docs/deploy.md.'

targetScope = 'resourceGroup'

import { network, principal } from 'modules/types.bicep'

// ---- What the enforcer does: one parameter per setting, with the same name (table in docs/deploy.md) ----
// The defaults are those of the settings, except for mode, which has none, and tenantId, which is this tenant.

@description('ENFORCER_GROUP_IDS. Object IDs of the managed groups.')
@minLength(1)
param groupIds string[]

@description('ENFORCER_MODE. "report" plans and records, but changes nothing in Entra. No default: choose deliberately.')
@allowed(['report', 'enforce'])
param mode string

@description('ENFORCER_SCHEDULE. NCRONTAB of the nightly timer, six fields, in UTC.')
@minLength(11)
param schedule string = '0 30 0 * * *'

@description('ENFORCER_TIME_ZONE. IANA name of the time zone in which days end, such as Europe/Berlin.')
@minLength(1)
param timeZone string = 'UTC'

@description('ENFORCER_MIDNIGHT. What an end of access at exactly midnight means: that instant, or the whole day that begins then.')
@allowed(['instant', 'day'])
param midnight string = 'instant'

@description('ENFORCER_DISABLE_ACCOUNTS. Whose accounts are also disabled.')
@allowed(['none', 'guests', 'all'])
param disableAccounts string = 'none'

@description('ENFORCER_UNREGISTERED. What happens to members without a row in the register.')
@allowed(['report', 'offboard'])
param unregistered string = 'report'

@description('ENFORCER_ONBOARD. What happens to contractors whose access has begun but who are not members.')
@allowed(['report', 'add'])
param onboard string = 'report'

@description('ENFORCER_BRAKE_COUNT. A plan that exceeds this many people and brakePercent waits for approval.')
@minValue(0)
param brakeCount int = 10

@description('ENFORCER_BRAKE_PERCENT. A plan that exceeds this share of the members and brakeCount waits for approval.')
@minValue(0)
@maxValue(100)
param brakePercent int = 20

@description('ENFORCER_PROTECTED_IDS. Object IDs that are never acted upon.')
param protectedIds string[] = []

@description('ENFORCER_PROTECTED_GROUP_IDS. Groups whose members, also nested ones, are never acted upon.')
param protectedGroupIds string[] = []

@description('ENFORCER_LEAVERS_GROUP. Group into which leavers are put, for a policy that blocks it; empty for none.')
param leaversGroup string = ''

@description('ENFORCER_WARN_DAYS. How many days before the end of access sponsors are warned.')
param warnDays int[] = [14, 7, 1]

@description('ENFORCER_NOTIFY_URLS. Apprise URLs, separated by commas; use a Key Vault reference, because they contain secrets.')
@secure()
param notifyUrls string = ''

@description('ENFORCER_HEARTBEAT_URLS. URLs of cron monitors, separated by commas, called after each complete night; use a Key Vault reference, because they are secrets.')
@secure()
param heartbeatUrls string = ''

@description('ENFORCER_MAIL_SENDER. Mailbox that sends the warnings to sponsors; empty for none.')
param mailSender string = ''

@description('ENFORCER_SPONSOR_DOMAINS. Mail domains that sponsors may have; empty for the sender\'s. Required if mailSender is an object ID.')
param sponsorDomains string[] = []

@description('ENFORCER_TENANT_ID. Tenant whose tokens the HTTP API accepts.')
param tenantId string = tenant().tenantId

@description('ENFORCER_API_AUDIENCE. Client ID of the API\'s app registration (created by identity.bicep); empty keeps the API closed.')
param apiAudience string = ''

@description('ENFORCER_API_ROLE. App role that allows offboarding.')
@minLength(1)
param apiRole string = 'Contractors.Offboard'

@description('ENFORCER_FOUR_EYES. Whether a held plan needs an approver who has not caused it; off for one-person shops.')
@allowed(['on', 'off'])
param fourEyes string = 'on'

@description('ENFORCER_APPROVER_APP_IDS. Client IDs of applications that may approve held plans.')
param approverAppIds string[] = []

@description('ENFORCER_AUTHORITY_URL. Endpoint for sign-in and signing keys: this cloud\'s own. No trailing slash.')
param authorityUrl string = 'https://${split(environment().authentication.loginEndpoint, '/')[2]}'

@description('ENFORCER_LEASE_SECONDS. How long the lease of a run lasts without renewal.')
@minValue(1)
@maxValue(3600)
param leaseSeconds int = 60

@description('ENFORCER_GRAPH_URL. Microsoft Graph endpoint; differs in national clouds.')
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

@description('Name of the user-assigned identity; identity.bicep creates one with the same name.')
param identityName string = 'id-${name}'

@description('Create the identity if it is missing. Set to false when it is in another resource group.')
param createIdentity bool = true

@description('Resource group of the identity.')
param identityResourceGroup string = resourceGroup().name

@description('Redundancy of the register and the ledger.')
@allowed(['Standard_LRS', 'Standard_ZRS', 'Standard_GRS', 'Standard_GZRS'])
param storageSku string = 'Standard_ZRS'

@description('Memory of an instance in MB.')
@allowed([512, 2048, 4096])
param instanceMemoryMB int = 2048

@description('Maximum number of instances. Microsoft Graph allows 20 writes a second in total, regardless of their number.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Always-ready instances for the HTTP API; each is billed around the clock.')
@minValue(0)
@maxValue(5)
param alwaysReadyHttpInstances int = 0

@description('Retention of telemetry in days.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 90

@description('Days during which a report can be neither changed nor deleted; 0 for no such policy. Set 0 once the policy is locked, because a deployment can no longer change it.')
@minValue(0)
@maxValue(3650)
param reportRetentionDays int = 400

@description('Lock the storage account and the identity against deletion.')
param lock bool = true

// ---- Who is notified, and who may do what ----

@description('E-mail addresses that receive the alarms.')
param alertEmails string[] = []

@description('Resource IDs of existing action groups that receive the alarms.')
param actionGroupIds string[] = []

@description('Who may read register, records, queues and reports with `python -m enforcer`. Changes go through the API.')
param operators principal[] = []

@description('Who may write the register and nothing else, such as the HR system\'s feed.')
param registerWriters principal[] = []

@description('Let people sign in to reach the operators\' page; otherwise only callers with a token are let in.')
param browserSignIn bool = true

@description('Address ranges (CIDR) from which the API may be called, and code be deployed; empty for anywhere.')
param apiIpRanges string[] = []

@description('Give the identity its blob roles container by container instead of on the whole account. Untried: the Functions host is documented to need Storage Blob Data Owner.')
param blobRolesByContainer bool = false

@description('URL of the code\'s package, such as that of released-package.zip in a release; the app then fetches it. Empty where `enforcer deploy`, azd or a workflow brings the code.')
param packageUri string = ''

// ---- Private network ----

@description('Subnets for outgoing traffic and for the private endpoints of storage; omit for none.')
param privateNetwork network?

@description('Address ranges (not /31 or /32) from which storage may be reached in addition to the private network.')
param storageIpRanges string[] = []

var uniqueName = '${name}-${uniqueString(resourceGroup().id, name)}'
var storageName = 'st${uniqueString(resourceGroup().id, name)}'
var allTags = union({ application: 'contractor-access-enforcer' }, tags)

module newIdentity 'modules/new-identity.bicep' = if (createIdentity) {
  params: {
    name: identityName
    location: location
    tags: allTags
    lock: lock
  }
}

module identity 'modules/identity.bicep' = {
  scope: resourceGroup(identityResourceGroup)
  params: {
    name: identityName
  }
  dependsOn: [
    newIdentity
  ]
}

module storage 'modules/storage.bicep' = {
  params: {
    name: storageName
    location: location
    tags: allTags
    sku: storageSku
    closed: privateNetwork != null
    allowedIpRanges: storageIpRanges
    reportRetentionDays: reportRetentionDays
    lock: lock
    workspaceId: monitoring.outputs.workspaceId
  }
}

module roles 'modules/roles.bicep' = {
  params: {
    storageAccountName: storageName
    #disable-next-line what-if-short-circuiting // Assignments are named after whom they are for: a new identity needs new ones.
    identityPrincipalId: identity.outputs.principalId
    blobRolesByContainer: blobRolesByContainer
    operators: operators
    registerWriters: registerWriters
  }
  dependsOn: [
    storage
  ]
}

module monitoring 'modules/monitoring.bicep' = {
  params: {
    name: uniqueName
    location: location
    tags: allTags
    retentionDays: logRetentionDays
    #disable-next-line what-if-short-circuiting // As for the roles.
    identityPrincipalId: identity.outputs.principalId
  }
}

module privateEndpoints 'modules/private-endpoints.bicep' = if (privateNetwork != null) {
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
      ENFORCER_PROTECTED_GROUP_IDS: join(protectedGroupIds, ',')
      ENFORCER_LEAVERS_GROUP: leaversGroup
      ENFORCER_WARN_DAYS: join(warnDays, ',')
      ENFORCER_MAIL_SENDER: mailSender
      ENFORCER_SPONSOR_DOMAINS: join(sponsorDomains, ',')
      ENFORCER_TENANT_ID: tenantId
      ENFORCER_API_AUDIENCE: apiAudience
      ENFORCER_API_ROLE: apiRole
      ENFORCER_FOUR_EYES: fourEyes
      ENFORCER_APPROVER_APP_IDS: join(approverAppIds, ',')
      ENFORCER_AUTHORITY_URL: authorityUrl
      ENFORCER_LEASE_SECONDS: string(leaseSeconds)
      ENFORCER_GRAPH_URL: graphUrl
    }
    notifyUrls: notifyUrls
    heartbeatUrls: heartbeatUrls
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
    packageUri: packageUri
  }
  // The host opens storage as soon as the app exists, so its roles and the network come first.
  dependsOn: [
    roles
    privateEndpoints
  ]
}

module alarms 'modules/alarms.bicep' = {
  params: {
    name: uniqueName
    location: location
    tags: allTags
    workspaceId: monitoring.outputs.workspaceId
    groupIds: groupIds
    mode: mode
    emails: alertEmails
    actionGroupIds: actionGroupIds
  }
}

module workbook 'modules/workbook.bicep' = {
  params: {
    location: location
    tags: allTags
    workspaceName: 'log-${uniqueName}'
  }
  dependsOn: [
    monitoring
  ]
}

@description('Name of the function app.')
output appName string = app.outputs.name

@description('URL of the API and the operators\' page.')
output apiUrl string = 'https://${app.outputs.hostName}/api'

@description('Storage account with the register.')
output storageAccountName string = storageName

@description('For `python -m enforcer` from a workstation: EnforcerStorage__tableServiceUri and the like.')
output tableServiceUri string = storage.outputs.tableUri
output queueServiceUri string = storage.outputs.queueUri
output blobServiceUri string = storage.outputs.blobUri

@description('Object ID of the identity.')
output identityPrincipalId string = identity.outputs.principalId

@description('Whether apiIpRanges restricts who may call the API and deploy code.')
output apiRestricted bool = !empty(apiIpRanges)

@description('What should be fixed although the deployment succeeded; empty if nothing.')
output warnings string[] = empty(alertEmails) && empty(actionGroupIds)
  ? ['Nobody is notified of alarms: set alertEmails (ALERT_EMAILS) or actionGroupIds.']
  : []
