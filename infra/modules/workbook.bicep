metadata description = 'The workbook: runs, lag, upcoming ends, and who needs attention.'

param location string
param tags object
param workspaceName string

resource workspace 'Microsoft.OperationalInsights/workspaces@2025-02-01' existing = {
  name: workspaceName
}

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(workspace.id, 'contractor-access-enforcer')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Contractor access'
    category: 'workbook'
    version: 'Notebook/1.0'
    sourceId: workspace.id
    serializedData: string(loadJsonContent('../workbook.json'))
  }
}
