metadata description = 'What needs a directory administrator, once: the identity, its permissions in Microsoft Graph, the groups, the API.'

extension microsoftGraphV1

import { principal } from 'modules/types.bicep'

@description('A group that this template creates and the enforcer manages.')
type managedGroup = {
  @description('Alternate key in Entra ID; never changes.')
  uniqueName: string
  displayName: string
  mailNickname: string
}

@description('As in main.bicep.')
param name string = 'contractor-access'

@description('Region of the identity; as in main.bicep.')
param location string = resourceGroup().location

@description('Tags for the identity; as in main.bicep.')
param tags object = {}

@description('Name of the user-assigned identity that the function app runs under.')
param identityName string = 'id-${name}'

@description('Groups to create. For existing groups, use `enforcer deploy --only identity`.')
param groups managedGroup[] = []

@description('For ENFORCER_LEAVERS_GROUP: the group to create into which leavers are put; null for none.')
param leaversGroup managedGroup?

@description('How the identity may change memberships: as an owner of the groups, or in all groups of the tenant.')
@allowed(['owner', 'tenant'])
param membership string = 'owner'

@description('For ENFORCER_DISABLE_ACCOUNTS other than none: allow disabling and enabling accounts.')
param allowDisablingAccounts bool = false

@description('For the nightly check of the Conditional Access policies and the proof by Entra.')
param allowReadingPolicies bool = true

@description('For ENFORCER_MAIL_SENDER: allow sending from any mailbox. docs/permissions.md shows how to limit it to one.')
param allowSendingMail bool = false

@description('Client IDs that may get a person\'s token without consent, such as the Azure CLI. Second deployment only.')
param preAuthorizedClientIds string[] = []

@description('Who may offboard, extend, sweep and undo through the API and the operators\' page.')
param operators principal[] = []

@description('Who may register and extend, and shorten nobody\'s access.')
param extenders principal[] = []

@description('Who may approve held plans that others have caused.')
param approvers principal[] = []

@description('Who may read through the API and the operators\' page.')
param readers principal[] = []

@description('ENFORCER_AUTHORITY_URL, as in main.bicep.')
param authorityUrl string = 'https://${split(environment().authentication.loginEndpoint, '/')[2]}'

@description('Domain of function apps; differs in national clouds.')
param appDomain string = 'azurewebsites.net'

var uniqueName = '${name}-${uniqueString(resourceGroup().id, name)}'

// docs/permissions.md gives the reason for each.
var permissions = concat(
  [
    'GroupMember.Read.All'
    'User.Read.All'
    'User.RevokeSessions.All'
  ],
  membership == 'tenant' ? ['GroupMember.ReadWrite.All'] : [],
  allowDisablingAccounts ? ['User.EnableDisableAccount.All'] : [],
  allowReadingPolicies ? ['Policy.Read.All'] : [],
  allowSendingMail ? ['Mail.Send'] : []
)

// The same in every deployment, so that `enforcer deploy` creates the same roles.
var readRoleId = '2eece384-4438-4cb3-8b3d-711ba7960346'
var offboardRoleId = '35107594-19fc-49ef-b47c-6398e3913264'
var extendRoleId = '6c1f2f0f-7d0a-4a3e-9d5e-2f6f1f0c8b41'
var approveRoleId = 'b8d9a0d3-4b9e-4c8b-8a57-1f5d0c2e7a96'
var scopeId = '73bc9d76-c0bc-4881-8e0e-2c27171c867e'

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: identityName
  location: location
  tags: union({ application: 'contractor-access-enforcer' }, tags)
}

resource graph 'Microsoft.Graph/servicePrincipals@v1.0' existing = {
  appId: '00000003-0000-0000-c000-000000000000'
}

resource graphPermissions 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [
  for permission in permissions: {
    appRoleId: filter(graph.appRoles, role => role.value == permission && contains(role.allowedMemberTypes, 'Application'))[0].id
    principalId: identity.properties.principalId
    resourceId: graph.id
  }
]

// Owners are appended and members left out: the register and the enforcer decide who is in the group.
resource managedGroups 'Microsoft.Graph/groups@v1.0' = [
  for group in groups: {
    uniqueName: group.uniqueName
    displayName: group.displayName
    mailNickname: group.mailNickname
    description: 'Contractors who have access now. The contractor access enforcer removes members when their access ends.'
    mailEnabled: false
    securityEnabled: true
    owners: {
      relationshipSemantics: 'append'
      relationships: membership == 'owner' ? [identity.properties.principalId] : []
    }
  }
]

resource leavers 'Microsoft.Graph/groups@v1.0' = if (leaversGroup != null) {
  uniqueName: leaversGroup!.uniqueName
  displayName: leaversGroup!.displayName
  mailNickname: leaversGroup!.mailNickname
  description: 'Contractors who have left. The contractor access enforcer decides who is in it; a policy blocks them.'
  mailEnabled: false
  securityEnabled: true
  owners: {
    relationshipSemantics: 'append'
    relationships: membership == 'owner' ? [identity.properties.principalId] : []
  }
}

resource api 'Microsoft.Graph/applications@v1.0' = {
  uniqueName: 'api-${uniqueName}'
  displayName: 'Contractor access (${name})'
  signInAudience: 'AzureADMyOrg'
  api: {
    // Version 2 tokens carry the client ID as their audience: ENFORCER_API_AUDIENCE.
    requestedAccessTokenVersion: 2
    oauth2PermissionScopes: [
      {
        id: scopeId
        value: 'access_as_user'
        type: 'User'
        isEnabled: true
        adminConsentDisplayName: 'Use the contractor access API'
        adminConsentDescription: 'Use the contractor access API as the signed-in person, with the app roles that they hold.'
      }
    ]
    preAuthorizedApplications: map(preAuthorizedClientIds, clientId => {
      appId: clientId
      delegatedPermissionIds: [
        scopeId
      ]
    })
  }
  // Distinguishes applications' tokens from people's, for the ledger.
  optionalClaims: {
    accessToken: [
      {
        name: 'idtyp'
        additionalProperties: [
          'include_user_token'
        ]
      }
    ]
  }
  appRoles: [
    {
      id: readRoleId
      value: 'Contractors.Read'
      displayName: 'Look at contractors'
      description: 'See the register, runs and status.'
      isEnabled: true
      allowedMemberTypes: [
        'User'
        'Application'
      ]
    }
    {
      id: extendRoleId
      value: 'Contractors.Extend'
      displayName: 'Register and extend contractors'
      description: 'Register, extend and import contractors; shorten nobody\'s access.'
      isEnabled: true
      allowedMemberTypes: [
        'User'
        'Application'
      ]
    }
    {
      id: approveRoleId
      value: 'Contractors.Approve'
      displayName: 'Approve held plans'
      description: 'Approve held plans that others have caused.'
      isEnabled: true
      allowedMemberTypes: [
        'User'
        'Application'
      ]
    }
    {
      id: offboardRoleId
      value: 'Contractors.Offboard'
      displayName: 'Offboard contractors'
      description: 'Offboard and extend contractors, start and undo runs.'
      isEnabled: true
      allowedMemberTypes: [
        'User'
        'Application'
      ]
    }
  ]
  web: {
    redirectUris: [
      'https://func-${uniqueName}.${appDomain}/.auth/login/aad/callback'
    ]
    implicitGrantSettings: {
      enableIdTokenIssuance: true
    }
  }
}

// App Service authentication proves that it is this application with the identity's token instead of a secret.
resource signIn 'Microsoft.Graph/applications/federatedIdentityCredentials@v1.0' = {
  name: '${api.uniqueName}/app-service-authentication'
  description: 'The identity of the function app.'
  issuer: '${authorityUrl}/${tenant().tenantId}/v2.0'
  subject: identity.properties.principalId
  audiences: [
    'api://AzureADTokenExchange'
  ]
}

// Entra issues tokens for the API only to holders of one of its roles.
resource apiPrincipal 'Microsoft.Graph/servicePrincipals@v1.0' = {
  appId: api.appId
  appRoleAssignmentRequired: true
}

resource operatorRoles 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [
  for operator in operators: {
    appRoleId: offboardRoleId
    principalId: operator.id
    resourceId: apiPrincipal.id
  }
]

resource extenderRoles 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [
  for extender in extenders: {
    appRoleId: extendRoleId
    principalId: extender.id
    resourceId: apiPrincipal.id
  }
]

resource approverRoles 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [
  for approver in approvers: {
    appRoleId: approveRoleId
    principalId: approver.id
    resourceId: apiPrincipal.id
  }
]

resource readerRoles 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [
  for reader in readers: {
    appRoleId: readRoleId
    principalId: reader.id
    resourceId: apiPrincipal.id
  }
]

@description('For identityName in main.bicep.')
output identityName string = identity.name

@description('For ENFORCER_API_AUDIENCE.')
output apiAudience string = api.appId

@description('For ENFORCER_GROUP_IDS.')
output groupIds string[] = [for (group, index) in groups: managedGroups[index].id]

@description('For ENFORCER_LEAVERS_GROUP; empty if leaversGroup is null.')
output leaversGroupId string = leaversGroup == null ? '' : leavers!.id
