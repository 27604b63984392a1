using '../../../infra/main.bicep'

// Every choice made, every list with an entry or two.
param groupIds = ['aaaaaaaa-1111-4222-8333-444444444444', 'bbbbbbbb-1111-4222-8333-444444444444']
param mode = 'enforce'
param schedule = '0 0 1 * * *'
param timeZone = 'Europe/Berlin'
param midnight = 'day'
param disableAccounts = 'guests'
param unregistered = 'offboard'
param onboard = 'add'
param brakeCount = 5
param brakePercent = 10
param protectedIds = ['cccccccc-1111-4222-8333-444444444444']
param warnDays = [30, 7]
param notifyUrls = '@Microsoft.KeyVault(SecretUri=https://vault.vault.azure.net/secrets/notify-urls)'
param mailSender = 'access@example.com'
param apiAudience = 'dddddddd-1111-4222-8333-444444444444'
param leaseSeconds = 90
param name = 'everything'
param tags = { owner: 'platform' }
param storageSku = 'Standard_GZRS'
param alwaysReadyHttpInstances = 1
param reportRetentionDays = 3650
param alertEmails = ['operators@example.com']
param actionGroupIds = ['/subscriptions/s/resourceGroups/r/providers/Microsoft.Insights/actionGroups/duty']
param operators = [{ id: 'eeeeeeee-1111-4222-8333-444444444444', type: 'Group' }]
param registerWriters = [{ id: 'ffffffff-1111-4222-8333-444444444444', type: 'ServicePrincipal' }]
param apiIpRanges = ['198.51.100.0/24']
param storageIpRanges = ['198.51.100.0/24']
param blobRolesByContainer = true
param packageUri = 'https://example.com/releases/v1/released-package.zip'
// Without DNS zones: an Azure Policy registers the endpoints.
param privateNetwork = {
  appSubnetId: '/subscriptions/net/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/app'
  endpointSubnetId: '/subscriptions/net/resourceGroups/net/providers/Microsoft.Network/virtualNetworks/v/subnets/endpoints'
}
