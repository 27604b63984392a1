using 'main.bicep'

// The values come from the environment: a shell, `azd env set`, or the variables of a GitHub environment.
// Everything else has a default in main.bicep; add what should differ.

// Lists are separated by commas; spaces around entries and empty entries are ignored.
param groupIds = filter(map(split(readEnvironmentVariable('ENFORCER_GROUP_IDS'), ','), id => trim(id)), id => !empty(id))
param mode = readEnvironmentVariable('ENFORCER_MODE', 'report')
param timeZone = readEnvironmentVariable('ENFORCER_TIME_ZONE', 'UTC')
param disableAccounts = readEnvironmentVariable('ENFORCER_DISABLE_ACCOUNTS', 'none')
param apiAudience = readEnvironmentVariable('ENFORCER_API_AUDIENCE', '')
param notifyUrls = readEnvironmentVariable('ENFORCER_NOTIFY_URLS', '')
var operatorsGroup = readEnvironmentVariable('OPERATORS_GROUP_ID', '')
param operators = empty(operatorsGroup) ? [] : [{ id: operatorsGroup, type: 'Group' }]
param alertEmails = filter(map(split(readEnvironmentVariable('ALERT_EMAILS', ''), ','), address => trim(address)), address => !empty(address))
