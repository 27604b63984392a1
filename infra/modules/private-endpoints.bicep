metadata description = 'Private endpoints for the three services of the storage account.'

param name string
param location string
param tags object
param subnetId string
param storageAccountId string

@description('Resource IDs of the private DNS zones by service; empty if an Azure Policy registers the endpoints.')
param dnsZoneIds object

var services = [
  'blob'
  'queue'
  'table'
]

resource endpoints 'Microsoft.Network/privateEndpoints@2025-07-01' = [
  for service in services: {
    name: 'pe-${name}-${service}'
    location: location
    tags: tags
    properties: {
      subnet: {
        id: subnetId
      }
      privateLinkServiceConnections: [
        {
          name: service
          properties: {
            privateLinkServiceId: storageAccountId
            groupIds: [
              service
            ]
          }
        }
      ]
    }
  }
]

resource zoneGroups 'Microsoft.Network/privateEndpoints/privateDnsZoneGroups@2025-07-01' = [
  for (service, index) in services: if (!empty(dnsZoneIds)) {
    parent: endpoints[index]
    name: 'default'
    properties: {
      privateDnsZoneConfigs: [
        {
          name: service
          properties: {
            privateDnsZoneId: dnsZoneIds[service]
          }
        }
      ]
    }
  }
]
