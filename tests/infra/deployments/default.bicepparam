using '../../../infra/main.bicep'

// What has to be chosen, and the defaults of everything else.
param groupIds = ['AAAAAAAA-1111-4222-8333-444444444444']
param mode = 'report'
