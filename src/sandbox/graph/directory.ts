import { createHash } from 'node:crypto'
import { EXCHANGE_APP_ID, GRAPH_APP_ID } from '../entra/index.ts'
import type { ApplicationModel, TenantModel } from '../model.ts'
import { findEntry } from '../model.ts'
import { toKeyCredential, toPasswordCredential } from './credentials.ts'

/** A directory object as Graph shows it, all properties. */
export type Entity = { id: string; appId: string } & Record<string, unknown>

const APPLICATIONS_SINCE = '2026-01-15T08:30:00Z'

/** App roles by value; their ids are the same in every tenant. */
const EXCHANGE_ROLES: Readonly<Record<string, string>> = {
  'SMTP.SendAsApp': '7146a1f0-8703-45b3-9eae-527a64c00995',
  'IMAP.AccessAsApp': '5e5addcd-3e8d-4e90-baf5-964efab2b20a',
  'POP.AccessAsApp': 'cb842b43-da6e-4506-86fe-bb12199c656d',
  full_access_as_app: 'dc890d15-9560-4a4c-9b7f-a736ec74ec40',
  'Exchange.ManageAsApp': 'dc50a0fb-09a3-484d-be87-e023b12c6440',
}
const GRAPH_ROLES: Readonly<Record<string, string>> = {
  'Application.Read.All': '9a5d68dd-52b0-4cc2-bd40-abcf44ac3a30',
  'Application.ReadWrite.OwnedBy': '18a4783c-866b-4cc7-a460-3d5e5662c884',
  'Application.ReadWrite.All': '1bfefb4e-e0b5-418b-a88f-73c46d2cc8e9',
  'AppRoleAssignment.ReadWrite.All': '06b708a9-e830-4db3-a914-8e69da51d44f',
  'Mail.Send': 'b633e1c5-b582-4048-a93e-9f11b44c7e96',
}

const EXCHANGE = {
  appId: EXCHANGE_APP_ID,
  name: 'Office 365 Exchange Online',
  roles: EXCHANGE_ROLES,
}
const GRAPH = { appId: GRAPH_APP_ID, name: 'Microsoft Graph', roles: GRAPH_ROLES }

export function findApplication(model: TenantModel, clientId: string): Entity | undefined {
  const app = findEntry(model.apps, clientId)
  return app?.registeredHere ? toApplication(clientId.toLowerCase(), app) : undefined
}

export function listApplications(model: TenantModel): Entity[] {
  return Object.keys(model.apps).flatMap((clientId) => findApplication(model, clientId) ?? [])
}

export function findServicePrincipal(model: TenantModel, clientId: string): Entity | undefined {
  const resource = resources(model).find(({ appId }) => appId === clientId.toLowerCase())
  if (resource !== undefined) return toResourcePrincipal(resource, model)
  const app = findEntry(model.apps, clientId)
  if (app === undefined || !app.servicePrincipal.exists) return undefined
  return toServicePrincipal(clientId.toLowerCase(), app, model)
}

export function listServicePrincipals(model: TenantModel): Entity[] {
  return [...Object.keys(model.apps), ...resources(model).map(({ appId }) => appId)].flatMap(
    (clientId) => findServicePrincipal(model, clientId) ?? [],
  )
}

/** Consented application permissions: Exchange's first. */
export function listAppRoleAssignments(model: TenantModel, clientId: string): object[] {
  const app = findEntry(model.apps, clientId)
  if (app === undefined) return []
  const granted = [
    ...app.exchangeRoles.map((role) => ({ role, resource: EXCHANGE })),
    ...app.graphRoles.map((role) => ({ role, resource: GRAPH })),
  ]
  return granted.map(({ role, resource }) => ({
    id: stableId(`${app.servicePrincipal.objectId} ${resource.appId} ${role}`),
    deletedDateTime: null,
    appRoleId: roleId(resource.roles, role),
    createdDateTime: APPLICATIONS_SINCE,
    principalDisplayName: app.displayName,
    principalId: app.servicePrincipal.objectId,
    principalType: 'ServicePrincipal',
    resourceDisplayName: resource.name,
    resourceId: resourceObjectId(resource.appId, model),
  }))
}

function toApplication(appId: string, app: ApplicationModel): Entity {
  return {
    id: app.objectId,
    deletedDateTime: null,
    appId,
    applicationTemplateId: null,
    createdDateTime: APPLICATIONS_SINCE,
    displayName: app.displayName,
    description: null,
    identifierUris: [],
    publisherDomain: null,
    signInAudience: 'AzureADMyOrg',
    tags: [],
    keyCredentials: Object.entries(app.certificates).map(([keyId, certificate]) =>
      toKeyCredential(keyId, certificate),
    ),
    passwordCredentials: Object.entries(app.secrets).map(([keyId, secret]) =>
      toPasswordCredential(keyId, secret),
    ),
  }
}

function toServicePrincipal(appId: string, app: ApplicationModel, model: TenantModel): Entity {
  return {
    ...principal(appId, app.displayName, model.tenant.id),
    id: app.servicePrincipal.objectId,
    accountEnabled: app.servicePrincipal.enabled,
    signInAudience: 'AzureADMyOrg',
    tags: ['WindowsAzureActiveDirectoryIntegratedApp'],
    appRoles: [],
  }
}

type Resource = typeof EXCHANGE

function resources(model: TenantModel): Resource[] {
  return model.tenant.hasExchange ? [EXCHANGE, GRAPH] : [GRAPH]
}

function toResourcePrincipal(resource: Resource, model: TenantModel): Entity {
  // The directory in which Microsoft's own applications live.
  const owner = 'f8cdef31-a31e-4b4a-93e4-5f571e91255a'
  return {
    ...principal(resource.appId, resource.name, owner),
    id: resourceObjectId(resource.appId, model),
    accountEnabled: true,
    signInAudience: 'AzureADMultipleOrgs',
    tags: [],
    appRoles: Object.entries(resource.roles).map(([value, id]) => ({
      allowedMemberTypes: ['Application'],
      description: value,
      displayName: value,
      id,
      isEnabled: true,
      origin: 'Application',
      value,
    })),
  }
}

function principal(appId: string, displayName: string, appOwnerOrganizationId: string) {
  return {
    deletedDateTime: null,
    alternativeNames: [],
    appDescription: null,
    appDisplayName: displayName,
    appId,
    appOwnerOrganizationId,
    appRoleAssignmentRequired: false,
    createdDateTime: APPLICATIONS_SINCE,
    displayName,
    servicePrincipalNames: [appId],
    servicePrincipalType: 'Application',
    keyCredentials: [],
    passwordCredentials: [],
  }
}

/** Object ids of Microsoft's principals differ from tenant to tenant. */
function resourceObjectId(appId: string, model: TenantModel): string {
  return stableId(`${model.tenant.id} ${appId}`)
}

function roleId(roles: Readonly<Record<string, string>>, value: string): string {
  return (Object.hasOwn(roles, value) ? roles[value] : undefined) ?? stableId(value)
}

/** A GUID that is the same for the same text (UUID version 8, RFC 9562 §5.8). */
function stableId(text: string): string {
  const hex = createHash('sha256').update(text).digest('hex')
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `8${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-')
}
