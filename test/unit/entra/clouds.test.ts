import { expect, test } from 'vitest'
import { CLOUDS, findCloud, scopeOf } from '../../../src/entra/index.ts'

// https://learn.microsoft.com/graph/deployments and the endpoint lists of Microsoft 365.
test.each([
  ['worldwide', 'login.microsoftonline.com', 'outlook.office365.com', 'graph.microsoft.com'],
  ['usGovHigh', 'login.microsoftonline.us', 'outlook.office365.us', 'graph.microsoft.us'],
  ['usGovDod', 'login.microsoftonline.us', 'outlook-dod.office365.us', 'dod-graph.microsoft.us'],
  [
    'china',
    'login.partner.microsoftonline.cn',
    'partner.outlook.cn',
    'microsoftgraph.chinacloudapi.cn',
  ],
] as const)(
  'the cloud %s has its own authority and resources',
  (id, authority, exchange, graph) => {
    const cloud = CLOUDS[id]
    expect(findCloud(id)).toBe(cloud)
    expect(cloud.authority).toBe(`https://${authority}`)
    expect(scopeOf(cloud, 'exchange')).toBe(`https://${exchange}/.default`)
    expect(scopeOf(cloud, 'graph')).toBe(`https://${graph}/.default`)
    expect(cloud.audiences).toContain(`https://${exchange}`)
  },
)

test.each([
  ['worldwide', 'https://portal.azure.com', null],
  ['usGovHigh', 'https://portal.azure.us', 'O365USGovGCCHigh'],
  ['usGovDod', 'https://portal.azure.us', 'O365USGovDoD'],
  ['china', 'https://portal.azure.cn', 'O365China'],
] as const)('the cloud %s has its own portal and PowerShell name', (id, portalUrl, name) => {
  expect(CLOUDS[id]).toMatchObject({ portalUrl, exchangeEnvironmentName: name })
})
