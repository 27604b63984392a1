metadata description = 'The alarms: one log search rule per file in infra/queries. docs/runbook.md says what to do about each.'

param name string
param location string
param tags object
param workspaceId string
param groupIds string[]

@description('ENFORCER_MODE of this deployment.')
param mode string
param emails string[]

@description('Resource IDs of existing action groups.')
param actionGroupIds string[]

// Azure's severities: 1 error, 2 warning, 3 information. These fire while their query finds rows.
var alarms = [
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
    name: 'mode-changed'
    title: 'A group that was enforced is only reported on'
    severity: 1
    dimension: 'GroupId'
    query: loadTextContent('../queries/mode-changed.kql')
  }
  {
    name: 'notification-failed'
    title: 'Messages are not delivered, or a run left no report'
    severity: 3
    dimension: 'Channel'
    query: loadTextContent('../queries/notification-failed.kql')
  }
]

// These fire while their query finds none, also where there is no telemetry at all: one for each managed group, because the
// list of groups is the deployment's, and Azure supports no query that adds a list to a table.
var missedNights = map(groupIds, groupId => {
  name: 'no-complete-run-${toLower(groupId)}'
  section: 'no-complete-run'
  title: 'No complete run for 26 hours in group ${groupId}'
  severity: 1
  query: replace(replace(loadTextContent('../queries/no-complete-run.kql'), 'GROUP_ID', toLower(groupId)), 'MODE', mode)
  operator: 'LessThan'
  threshold: 1
  dimensions: []
})

var foundRows = map(alarms, alarm => {
  name: alarm.name
  section: alarm.name
  title: alarm.title
  severity: alarm.severity
  query: alarm.query
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
})

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

resource rules 'Microsoft.Insights/scheduledQueryRules@2026-03-01' = [
  for rule in concat(missedNights, foundRows): {
    name: '${name}-${rule.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Contractor access: ${rule.title}'
      description: 'For meaning and actions, see docs/runbook.md, section ${rule.section}.'
      severity: rule.severity
      enabled: true
      scopes: [
        workspaceId
      ]
      evaluationFrequency: 'PT1H'
      // The most that Azure allows. One window, so that what a query finds in it is judged together.
      windowSize: 'P2D'
      // On the first deployment the tables do not exist yet.
      skipQueryValidation: true
      autoMitigate: true
      criteria: {
        allOf: [
          {
            query: rule.query
            timeAggregation: 'Count'
            operator: rule.operator
            threshold: rule.threshold
            dimensions: rule.dimensions
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
