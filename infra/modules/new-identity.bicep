metadata description = 'Makes the identity of the enforcer.'

param name string
param location string
param tags object
param lock bool

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
  tags: tags
}

resource noDeletion 'Microsoft.Authorization/locks@2020-05-01' = if (lock) {
  scope: identity
  name: 'no-deletion'
  properties: {
    level: 'CanNotDelete'
    notes: 'A new identity of the same name would hold none of the permissions in Microsoft Graph.'
  }
}
