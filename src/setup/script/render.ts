import { type ExchangeOnlineAuthentication, mailboxOf, type Profile } from '../../profiles/index.ts'
import type { ScriptVariant } from '../api.ts'
import { COMMON, CONNECT, CONNECT_INTERACTIVE, CONNECTION_UNATTENDED, FINISH } from './common.ts'
import { ENTRA, ENTRA_PERMISSION, ENTRA_SECRET } from './entra.ts'
import {
  APPLICATION_ROLE,
  MAILBOX,
  MAILBOX_PERMISSION,
  SERVICE_PRINCIPAL,
  SMTP_AUTH,
} from './exchange.ts'
import { powerShellText } from './literal.ts'

export interface ScriptFacts {
  readonly profile: Profile
  readonly authentication: ExchangeOnlineAuthentication
  /** Claim `oid` of a token; null: the script asks for it, or reads it from Graph. */
  readonly objectId: string | null
  readonly variant: ScriptVariant
}

interface Parameter {
  readonly name: string
  readonly type: 'string' | 'switch' | 'int' | 'securestring'
  readonly value?: string | undefined
  readonly comment: string
}

/** Connect-MgGraph's names of the clouds. */
const GRAPH_ENVIRONMENTS: Readonly<Record<ExchangeOnlineAuthentication['cloudId'], string>> = {
  worldwide: 'Global',
  usGovHigh: 'USGov',
  usGovDod: 'USGovDoD',
  china: 'China',
  custom: 'Global',
}

/** The whole script, in plain ASCII. What comes from a profile stands in the defaults of the parameters alone. */
export function renderScript(facts: ScriptFacts): string {
  const { authentication, variant } = facts
  const isUnattended = variant === 'unattended'
  const usesRole = variant === 'exchangeRbac' || (isUnattended && authentication.applicationRbac)
  const body = [
    ...(isUnattended ? [ENTRA, ...(usesRole ? [] : [ENTRA_PERMISSION]), ENTRA_SECRET] : []),
    CONNECT_INTERACTIVE,
    ...(isUnattended ? [CONNECTION_UNATTENDED] : []),
    CONNECT,
    'try {',
    SERVICE_PRINCIPAL,
    MAILBOX,
    usesRole ? APPLICATION_ROLE : MAILBOX_PERMISSION,
    SMTP_AUTH,
    FINISH,
    '} finally {\n  Disconnect-ExchangeOnline -Confirm:$false -ErrorAction SilentlyContinue\n}',
  ]
  const text = [
    headerOf(facts, isUnattended),
    renderParameters(parametersOf(facts, { isUnattended, usesRole })),
    COMMON,
    ...body,
  ].map((part) => part.trim())
  return `${text.join('\n\n')}\n`
}

/** The id is made of lower-case letters, digits and hyphens. */
function headerOf({ profile }: ScriptFacts, isUnattended: boolean): string {
  const where = isUnattended ? 'Microsoft Entra and Exchange Online' : 'Exchange Online'
  return `#Requires -Version 5.1
<#
.SYNOPSIS
Sets up ${where} for the profile "${profile.id}" of Postern.

.DESCRIPTION
Run it with: powershell -ExecutionPolicy Bypass -File postern-setup-${profile.id}.ps1

Safe to run again: each step looks first, changes only what is missing, and looks again.
It needs the role Exchange Administrator${isUnattended ? ', and for Microsoft Entra Privileged Role Administrator or an application with\nApplication.ReadWrite.All and AppRoleAssignment.ReadWrite.All. Give -AdminAppId and a certificate to run without a person;\nthat application also needs Exchange.ManageAsApp and the role Exchange Administrator' : ''}.
#>`
}

function parametersOf(
  { profile, authentication, objectId }: ScriptFacts,
  { isUnattended, usesRole }: { isUnattended: boolean; usesRole: boolean },
): readonly Parameter[] {
  const text = (name: string, value: string, comment: string): Parameter => ({
    name,
    type: 'string',
    value: powerShellText(value),
    comment,
  })
  const { clientId, cloud, cloudId, tenantId } = authentication
  return [
    text('TenantId', tenantId, 'Directory (tenant) ID or a domain of the tenant'),
    text('ClientId', clientId, 'Application (client) ID'),
    text('ObjectId', objectId ?? '', 'Object ID of the enterprise application'),
    text('Mailbox', mailboxOf(profile), 'The mailbox that logs in'),
    text('Sender', profile.senderEmailAddress, 'The address in From'),
    text('DisplayName', 'Postern', 'Name of the service principal'),
    text('ExchangeEnvironmentName', cloud.exchangeEnvironmentName ?? '', 'Cloud; empty: worldwide'),
    ...(usesRole
      ? [
          text('GroupName', `Postern senders ${profile.id}`, 'Group of the mailboxes'),
          text('ScopeName', `Postern scope ${profile.id}`, 'Management scope'),
          text('AssignmentName', `Postern SMTP ${profile.id}`, 'Role assignment'),
        ]
      : []),
    ...(isUnattended
      ? [
          text('ApplicationName', `Postern ${profile.id}`, 'Name of a new app registration'),
          text('GraphEnvironment', GRAPH_ENVIRONMENTS[cloudId], 'Cloud of Microsoft Graph'),
          text(
            'AdminAppId',
            '',
            'Client ID of an application that administers; empty: a person signs in',
          ),
          text('CertificateThumbprint', '', 'Its certificate in the Windows store'),
          text('CertificateFilePath', '', 'Or its certificate as a PFX file'),
          {
            name: 'CertificatePassword',
            type: 'securestring',
            value: '$null',
            comment: 'Password of the PFX file',
          } as const,
          {
            name: 'CreateApplication',
            type: 'switch',
            comment: 'Make a new app registration when there is none',
          } as const,
          {
            name: 'NewSecret',
            type: 'switch',
            comment: 'Make a new client secret and show it',
          } as const,
          {
            name: 'SecretMonths',
            type: 'int',
            value: '6',
            comment: 'Life of the new secret',
          } as const,
        ]
      : []),
    { name: 'Force', type: 'switch', comment: 'Do not ask before something is replaced' },
  ]
}

function renderParameters(parameters: readonly Parameter[]): string {
  const lines = parameters.map(({ name, type, value, comment }, index) => {
    const end = index === parameters.length - 1 ? '' : ','
    const start = value === undefined ? '' : ` = ${value}`
    return `  # ${comment}\n  [${type}] $${name}${start}${end}`
  })
  return `[CmdletBinding()]\nparam(\n${lines.join('\n')}\n)`
}
