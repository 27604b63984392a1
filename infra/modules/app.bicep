metadata description = 'The function app on Flex Consumption, its settings, and App Service authentication in front of it.'

param name string
param location string
param tags object

@description('ENFORCER_ settings by name.')
param enforcerSettings object

@description('ENFORCER_NOTIFY_URLS: may contain secrets.')
@secure()
param notifyUrls string

@description('ENFORCER_HEARTBEAT_URLS: may contain secrets.')
@secure()
param heartbeatUrls string

param identityId string
param identityClientId string

param storageBlobUri string
param storageQueueUri string
param storageTableUri string
param deploymentContainerUri string

param insightsConnectionString string

param instanceMemoryMB int
param maximumInstanceCount int
param alwaysReadyHttpInstances int

@description('Subnet for outgoing traffic; empty for none.')
param subnetId string

@description('Client ID of the API\'s app registration; empty leaves App Service authentication off.')
param apiClientId string

param tenantId string
param authorityUrl string
param browserSignIn bool
param apiIpRanges string[]

@description('URL of the package to deploy; empty for none.')
param packageUri string

// Identity-based connections need endpoint, credential and client ID, and no plain setting of the same name.
var settings = {
  AzureWebJobsStorage__blobServiceUri: storageBlobUri
  AzureWebJobsStorage__queueServiceUri: storageQueueUri
  AzureWebJobsStorage__tableServiceUri: storageTableUri
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  EnforcerStorage__blobServiceUri: storageBlobUri
  EnforcerStorage__queueServiceUri: storageQueueUri
  EnforcerStorage__tableServiceUri: storageTableUri
  EnforcerStorage__credential: 'managedidentity'
  EnforcerStorage__clientId: identityClientId
  AZURE_CLIENT_ID: identityClientId
  ENFORCER_NOTIFY_URLS: notifyUrls
  ENFORCER_HEARTBEAT_URLS: heartbeatUrls
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY: 'true'
  OTEL_SERVICE_NAME: 'contractor-access-enforcer'
  // Trace every call, not five a second; enforcer/telemetry/calls.py says why the libraries' own spans are off.
  OTEL_TRACES_SAMPLER: 'parentbased_always_on'
  OTEL_PYTHON_DISABLED_INSTRUMENTATIONS: 'azure_sdk,django,fastapi,flask,httpx,httpx2,psycopg2,requests,urllib,urllib3'
}

// The app proves to Entra that it is the API with a token of its identity instead of a client secret.
var authenticationSettings = empty(apiClientId)
  ? {}
  : {
      OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID: identityClientId
      WEBSITE_AUTH_AAD_ALLOWED_TENANTS: tenantId
    }

resource plan 'Microsoft.Web/serverfarms@2025-03-01' = {
  name: 'plan-${name}'
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    name: 'FC1'
    tier: 'FlexConsumption'
  }
  properties: {
    reserved: true
  }
}

resource site 'Microsoft.Web/sites@2025-03-01' = {
  name: name
  location: location
  tags: union(tags, { 'azd-service-name': 'enforcer' })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    // The host's own routes, such as /admin/functions, then answer Azure Resource Manager alone: its master key starts nothing.
    #disable-next-line BCP037 // Missing in the published types.
    functionsRuntimeAdminIsolationEnabled: true
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: deploymentContainerUri
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'python'
        version: '3.13'
      }
      scaleAndConcurrency: {
        instanceMemoryMB: instanceMemoryMB
        maximumInstanceCount: maximumInstanceCount
        alwaysReady: alwaysReadyHttpInstances == 0
          ? []
          : [
              {
                name: 'http'
                instanceCount: alwaysReadyHttpInstances
              }
            ]
      }
    }
    siteConfig: {
      minTlsVersion: '1.3'
      scmMinTlsVersion: '1.3'
      http20Enabled: true
      ipSecurityRestrictionsDefaultAction: empty(apiIpRanges) ? 'Allow' : 'Deny'
      ipSecurityRestrictions: [
        for (addresses, index) in apiIpRanges: {
          name: 'allowed-${index}'
          action: 'Allow'
          priority: 100 + index
          ipAddress: addresses
        }
      ]
      // Whoever reaches the deployment endpoint can replace the code.
      scmIpSecurityRestrictionsUseMain: true
      scmIpSecurityRestrictionsDefaultAction: empty(apiIpRanges) ? 'Allow' : 'Deny'
      appSettings: map(items(union(settings, authenticationSettings, enforcerSettings)), setting => {
        name: setting.key
        value: setting.value
      })
    }
  }
}

resource noFtpPasswords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: site
  name: 'ftp'
  properties: {
    allow: false
  }
}

resource noDeploymentPasswords 'Microsoft.Web/sites/basicPublishingCredentialsPolicies@2025-03-01' = {
  parent: site
  name: 'scm'
  properties: {
    allow: false
  }
}

// First gate of the API. The code checks every token again, and the app role, which this does not check.
resource authentication 'Microsoft.Web/sites/config@2025-03-01' = {
  parent: site
  name: 'authsettingsV2'
  properties: {
    platform: {
      enabled: !empty(apiClientId)
    }
    globalValidation: {
      requireAuthentication: true
      unauthenticatedClientAction: browserSignIn ? 'RedirectToLoginPage' : 'Return401'
      redirectToProvider: 'azureactivedirectory'
      excludedPaths: [
        '/api/health'
      ]
    }
    httpSettings: {
      requireHttps: true
    }
    identityProviders: {
      azureActiveDirectory: {
        enabled: !empty(apiClientId)
        registration: {
          clientId: apiClientId
          clientSecretSettingName: 'OVERRIDE_USE_MI_FIC_ASSERTION_CLIENTID'
          openIdIssuer: '${authorityUrl}/${tenantId}/v2.0'
        }
        validation: {
          allowedAudiences: [
            apiClientId
            'api://${apiClientId}'
          ]
        }
      }
    }
    login: {
      // The store hands the session's ID token to the code, which trusts nothing else. It is valid for an hour: the session
      // ends before it, and the browser is signed in again without a prompt.
      tokenStore: {
        enabled: browserSignIn
      }
      cookieExpiration: {
        convention: 'FixedTime'
        timeToExpiration: '00:50:00'
      }
    }
  }
}

// Without it, whoever deploys brings the code: `enforcer deploy`, azd, or the workflow.
resource code 'Microsoft.Web/sites/extensions@2025-03-01' = if (!empty(packageUri)) {
  parent: site
  name: 'onedeploy'
  #disable-next-line BCP187 // Missing in the published types.
  properties: {
    packageUri: packageUri
    remoteBuild: false
  }
}

output name string = site.name
output hostName string = site.properties.defaultHostName
