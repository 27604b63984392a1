metadata description = 'Types that several templates share.'

@export()
@description('Somebody who is given a role.')
type principal = {
  @description('Object ID in Entra ID.')
  id: string

  @description('What kind of object it is.')
  type: 'User' | 'Group' | 'ServicePrincipal'
}

@export()
@description('Subnets that exist already; docs/deploy.md has the commands that make them.')
type network = {
  @description('Resource ID of a subnet delegated to Microsoft.App/environments, for the function app.')
  appSubnetId: string

  @description('Resource ID of the subnet for the private endpoints of storage.')
  endpointSubnetId: string

  @description('Resource IDs of the private DNS zones of storage. Left out where an Azure Policy registers endpoints.')
  dnsZoneIds: {
    blob: string
    queue: string
    table: string
  }?
}
