using '../../../infra/main.bicep'

param groupIds = ['aaaaaaaa-1111-4222-8333-444444444444']
param mode = 'enforce'
param privateNetwork = {
  appSubnetId: '/subscriptions/net/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/app'
  endpointSubnetId: '/subscriptions/net/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/endpoints'
  dnsZoneIds: {
    blob: '/subscriptions/net/resourceGroups/net/providers/Microsoft.Network/privateDnsZones/blob'
    queue: '/subscriptions/net/resourceGroups/net/providers/Microsoft.Network/privateDnsZones/queue'
    table: '/subscriptions/net/resourceGroups/net/providers/Microsoft.Network/privateDnsZones/table'
  }
}
