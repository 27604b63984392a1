metadata description = 'Looks up the enforcer\'s identity.'

param name string

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' existing = {
  name: name
}

output id string = identity.id
output clientId string = identity.properties.clientId
output principalId string = identity.properties.principalId
