metadata description = 'The workbook: runs, lag, upcoming ends, and who needs attention.'

param location string
param tags object
param workspaceId string

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(workspaceId, 'contractor-access-enforcer')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Contractor access'
    category: 'workbook'
    version: 'Notebook/1.0'
    sourceId: workspaceId
    serializedData: string(loadJsonContent('../workbook.json'))
  }
}
