// The resource group of main.bicep.
param name string
param location string
param sku string
param apiClientId string

var roles = {
  'Key Vault Secrets User': '4633458b-17de-408a-b874-0445c86b69e6'
  'Storage Blob Data Owner': 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
  'Storage Queue Data Contributor': '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
  'Storage Table Data Contributor': '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
}

// --- Storage -------------------------------------------------------------------------------------------------------

resource storage 'Microsoft.Storage/storageAccounts@2023-05-01' = {
  name: '${replace(name, '-', '')}store'
  location: location
  kind: 'StorageV2'
  sku: {
    name: 'Standard_LRS'
  }
  properties: {
    supportsHttpsTrafficOnly: true
    minimumTlsVersion: 'TLS1_2'
    allowSharedKeyAccess: false
    allowBlobPublicAccess: false
  }

  resource queueService 'queueServices' = {
    name: 'default'

    resource codeRequests 'queues' = {
      name: 'code-requests'
    }

    resource poison 'queues' = {
      name: 'code-requests-poison'
    }
  }

  resource tableService 'tableServices' = {
    name: 'default'

    resource codes 'tables' = {
      name: 'codes'
    }
  }
}

// --- Key Vault -----------------------------------------------------------------------------------------------------

resource vault 'Microsoft.KeyVault/vaults@2023-07-01' = {
  name: '${name}-vault'
  location: location
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
  }
}

// --- The API, the worker and the number API --------------------------------------------------------------------------

resource plan 'Microsoft.Web/serverfarms@2023-12-01' = {
  name: '${name}-plan'
  location: location
  kind: 'linux'
  sku: {
    name: sku
  }
  properties: {
    reserved: true
  }
}

resource api 'Microsoft.Web/sites@2023-12-01' = {
  name: '${name}-api'
  location: location
  kind: 'app,linux'
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    siteConfig: {
      linuxFxVersion: 'NODE|24-lts'
      appCommandLine: 'node --import ./tools/require-node.mjs bundle/server.js'
      alwaysOn: true
      http20Enabled: true
      minTlsVersion: '1.2'
      ftpsState: 'Disabled'
      healthCheckPath: '/healthz'
    }
  }

  resource settings 'config' = {
    name: 'appsettings'
    properties: {
      HOST: '0.0.0.0'
      PORT: '8080'
      TRUST_PROXY: '10.0.0.0/8,169.254.0.0/16,172.16.0.0/12'
      ENTRA_TENANT_ID: tenant().tenantId
      ENTRA_API_CLIENT_ID: apiClientId
      KEY_VAULT_URL: 'https://${vault.name}${environment().suffixes.keyvaultDns}'
      THIRD_PARTY_API_ENDPOINT: 'https://${numbers.properties.defaultHostName}/api/RandomNumber'
      THIRD_PARTY_API_SECRET_NAME: 'number-api-key'
      STORAGE_QUEUE_URL: '${storage.properties.primaryEndpoints.queue}code-requests'
      CODES_TABLE_URL: '${storage.properties.primaryEndpoints.table}codes'
      SCM_DO_BUILD_DURING_DEPLOYMENT: 'false'
      WEBSITE_RUN_FROM_PACKAGE: '1'
    }
  }

  resource passwords 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: {
      allow: false
    }
  }
}

resource worker 'Microsoft.Web/sites@2023-12-01' = {
  name: '${name}-worker'
  location: location
  kind: 'app,linux'
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    siteConfig: {
      linuxFxVersion: 'NODE|24-lts'
      appCommandLine: 'node --optimize-for-size --import ./tools/require-node.mjs bundle/worker.js'
      alwaysOn: true
      http20Enabled: true
      minTlsVersion: '1.2'
      ftpsState: 'Disabled'
      healthCheckPath: '/healthz'
      // Nobody outside can ask for its health and metrics.
      ipSecurityRestrictionsDefaultAction: 'Deny'
      scmIpSecurityRestrictionsDefaultAction: 'Allow'
    }
  }

  resource settings 'config' = {
    name: 'appsettings'
    properties: {
      HOST: '0.0.0.0'
      PORT: '8080'
      METRICS_PORT: '8080'
      STORAGE_QUEUE_URL: '${storage.properties.primaryEndpoints.queue}code-requests'
      CODES_TABLE_URL: '${storage.properties.primaryEndpoints.table}codes'
      SCM_DO_BUILD_DURING_DEPLOYMENT: 'false'
      WEBSITE_RUN_FROM_PACKAGE: '1'
    }
  }

  resource passwords 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: {
      allow: false
    }
  }
}

resource numbers 'Microsoft.Web/sites@2023-12-01' = {
  name: '${name}-numbers'
  location: location
  kind: 'functionapp,linux'
  identity: {
    type: 'SystemAssigned'
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    siteConfig: {
      linuxFxVersion: 'NODE|24'
      alwaysOn: true
      http20Enabled: true
      minTlsVersion: '1.2'
      ftpsState: 'Disabled'
    }
  }

  resource settings 'config' = {
    name: 'appsettings'
    properties: {
      FUNCTIONS_EXTENSION_VERSION: '~4'
      FUNCTIONS_WORKER_RUNTIME: 'node'
      // The Functions host keeps its keys there, through its identity: the account accepts no shared key.
      AzureWebJobsStorage__accountName: storage.name
      WEBSITE_RUN_FROM_PACKAGE: '1'
    }
  }

  resource passwords 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: {
      allow: false
    }
  }
}

// --- Who may do what -------------------------------------------------------------------------------------------------

resource apiReadsSecrets 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: vault
  name: guid(vault.id, api.id, roles['Key Vault Secrets User'])
  properties: {
    principalId: api.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Key Vault Secrets User'])
  }
}

resource apiUsesQueues 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: storage
  name: guid(storage.id, api.id, roles['Storage Queue Data Contributor'])
  properties: {
    principalId: api.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Storage Queue Data Contributor'])
  }
}

resource apiUsesTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: storage
  name: guid(storage.id, api.id, roles['Storage Table Data Contributor'])
  properties: {
    principalId: api.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Storage Table Data Contributor'])
  }
}

resource workerUsesQueues 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: storage
  name: guid(storage.id, worker.id, roles['Storage Queue Data Contributor'])
  properties: {
    principalId: worker.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Storage Queue Data Contributor'])
  }
}

resource workerUsesTables 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: storage
  name: guid(storage.id, worker.id, roles['Storage Table Data Contributor'])
  properties: {
    principalId: worker.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Storage Table Data Contributor'])
  }
}

resource numbersKeepKeys 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  scope: storage
  name: guid(storage.id, numbers.id, roles['Storage Blob Data Owner'])
  properties: {
    principalId: numbers.identity.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', roles['Storage Blob Data Owner'])
  }
}

output apiUrl string = 'https://${api.properties.defaultHostName}'
