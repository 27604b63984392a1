metadata description = 'The alarms: one log search rule per file in infra/queries. docs/runbook.md says what to do about each.'

param name string
param location string
param tags object
param workspaceId string
param groupIds string[]
param emails string[]

@description('Resource IDs of existing action groups.')
param actionGroupIds string[]

// Azure's severities: 1 error, 2 warning, 3 information.
var alarms = [
  {
    name: 'no-complete-run'
    title: 'No complete run for 26 hours'
    severity: 1
    dimension: 'GroupId'
    query: replace(loadTextContent('../queries/no-complete-run.kql'), 'GROUP_IDS', toLower(string(groupIds)))
  }
  {
    name: 'held'
    title: 'A plan is held by the brake: nobody is offboarded until it is approved'
    severity: 1
    dimension: 'GroupId'
    query: loadTextContent('../queries/held.kql')
  }
  {
    name: 'stuck'
    title: 'Somebody whose access has ended cannot be offboarded'
    severity: 1
    dimension: 'GroupId'
    query: loadTextContent('../queries/stuck.kql')
  }
  {
    name: 'poison'
    title: 'A message failed every time and is in a poison queue'
    severity: 1
    dimension: 'Queue'
    query: loadTextContent('../queries/poison.kql')
  }
  {
    name: 'permission-denied'
    title: 'Graph or storage refuses the identity of the enforcer'
    severity: 1
    dimension: 'GroupId'
    query: loadTextContent('../queries/permission-denied.kql')
  }
  {
    name: 'lag'
    title: 'Somebody was removed more than 24 hours after their access ended'
    severity: 2
    dimension: 'GroupId'
    query: loadTextContent('../queries/lag.kql')
  }
  {
    name: 'policy-drift'
    title: 'Conditional Access does not block offboarded contractors'
    severity: 1
    dimension: 'GroupId'
    query: loadTextContent('../queries/policy-drift.kql')
  }
  {
    name: 'notification-failed'
    title: 'Messages are not delivered, or a run left no report'
    severity: 3
    dimension: 'Channel'
    query: loadTextContent('../queries/notification-failed.kql')
  }
]

resource mail 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: 'ag-${name}'
  location: 'global'
  tags: tags
  properties: {
    enabled: true
    groupShortName: 'enforcer'
    emailReceivers: [
      for (email, index) in emails: {
        name: 'operator-${index}'
        emailAddress: email
        useCommonAlertSchema: true
      }
    ]
  }
}

resource rules 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for alarm in alarms: {
    name: '${name}-${alarm.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Contractor access: ${alarm.title}'
      description: 'For meaning and actions, see docs/runbook.md, section ${alarm.name}.'
      severity: alarm.severity
      enabled: true
      scopes: [
        workspaceId
      ]
      evaluationFrequency: 'PT1H'
      windowSize: 'PT1H'
      // The queries themselves look back further than an hour; Azure allows two days at most.
      overrideQueryTimeRange: 'P2D'
      // On the first deployment the tables do not exist yet.
      skipQueryValidation: true
      autoMitigate: true
      criteria: {
        allOf: [
          {
            query: alarm.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            dimensions: [
              {
                name: alarm.dimension
                operator: 'Include'
                values: [
                  '*'
                ]
              }
            ]
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: concat(actionGroupIds, [mail.id])
      }
    }
  }
]
