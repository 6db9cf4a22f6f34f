// What infra/provision.sh creates, for `azd up` or `az deployment sub create`. docs/deployment.md says how, and what is left
// to do in Entra.
targetScope = 'subscription'

@description('3 to 16 lower-case letters, digits and hyphens; host names are made of it.')
@minLength(3)
@maxLength(16)
param name string

param location string = deployment().location

@description('Of the App Service plan that the API, the worker and the number API share.')
param sku string = 'B1'

@description('Client id of the API\'s app registration: npm run app-registration.')
param apiClientId string

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: name
  location: location
}

module resources 'resources.bicep' = {
  scope: group
  name: 'fastify-entra'
  params: {
    name: name
    location: location
    sku: sku
    apiClientId: apiClientId
  }
}

output API_URL string = resources.outputs.apiUrl
