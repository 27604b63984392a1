metadata description = 'Types shared by several templates.'

@export()
@description('A principal that is assigned a role.')
type principal = {
  @description('Object ID in Entra ID.')
  id: string

  @description('Kind of principal.')
  type: 'User' | 'Group' | 'ServicePrincipal'
}

@export()
@description('Existing subnets; docs/deploy.md has the commands that create them.')
type network = {
  @description('Resource ID of the function app\'s subnet, delegated to Microsoft.App/environments.')
  appSubnetId: string

  @description('Resource ID of the subnet for the private endpoints of storage.')
  endpointSubnetId: string

  @description('Resource IDs of the private DNS zones of storage. Omit if an Azure Policy registers the endpoints.')
  dnsZoneIds: {
    blob: string
    queue: string
    table: string
  }?
}
