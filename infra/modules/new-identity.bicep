metadata description = 'Creates the enforcer\'s identity.'

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
    notes: 'A new identity with the same name would have none of the Microsoft Graph permissions.'
  }
}
