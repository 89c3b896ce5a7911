import { toIso } from '../platform/clock.ts'
import type { Answer } from './api.ts'
import { describeCertificate } from './certificate.ts'
import type { DiagnosisContext } from './context.ts'
import type { Failure } from './failure.ts'
import { redact } from './redact.ts'

/** Every `{name}` that a template may use, with the words that stand in for an unknown value. */
export const PLACEHOLDERS = {
  clientId: 'Application (client) ID',
  tenantId: 'Directory (tenant) ID',
  objectId: 'Object ID of the enterprise application',
  registrationObjectId: 'Object ID of the app registration',
  mailbox: 'mailbox address',
  sender: 'sender email address',
  from: 'From address',
  smtpHost: 'SMTP host',
  smtpPort: 'SMTP port',
  authority: 'sign-in address of the cloud',
  authorityHost: 'sign-in host of the cloud',
  portal: 'Azure portal',
  exchangeEnvironment: 'Exchange environment of the cloud',
  peer: 'server',
  host: 'host',
  port: 'port',
  step: 'step',
  detail: 'detail',
  certificate: 'facts of the certificate',
  thumbprint: 'thumbprint',
  policyIds: 'policy ID',
  offered: 'what the server offers',
  wanted: 'what the settings need',
  operation: 'what Postern wanted to do',
  workedUntil: 'when it last worked',
  answer: 'the answer',
} as const

export type PlaceholderName = keyof typeof PLACEHOLDERS
export type PlaceholderValues = Readonly<Partial<Record<PlaceholderName, string>>>

/** Portals per cloud, and what Connect-ExchangeOnline needs there (Microsoft: "App-only authentication"). */
const CLOUDS = new Map([
  ['worldwide', { portal: 'https://portal.azure.com', environment: '' }],
  [
    'usGovHigh',
    {
      portal: 'https://portal.azure.us',
      environment: ' -ExchangeEnvironmentName O365USGovGCCHigh',
    },
  ],
  [
    'usGovDod',
    { portal: 'https://portal.azure.us', environment: ' -ExchangeEnvironmentName O365USGovDoD' },
  ],
  [
    'china',
    { portal: 'https://portal.azure.cn', environment: ' -ExchangeEnvironmentName O365China' },
  ],
])

const PEERS = {
  entra: 'Microsoft Entra',
  smtp: 'the SMTP server',
  graph: 'Microsoft Graph',
} as const

/** `auth@contoso.com not allowed to send as from@contoso.com` */
const SEND_AS = /not allowed to send as\s+([^\s;]+)/i
const THUMBPRINT = /Thumbprint of key used by client:\s*'([0-9A-Fa-f]+)'/

/** `2026-11-23 10:42 UTC` */
export function minuteOf(at: number): string {
  return `${toIso(at).slice(0, 16).replace('T', ' ')} UTC`
}

function httpsOrigin(authority: string | null): URL | undefined {
  if (authority === null || !URL.canParse(authority)) return undefined
  const url = new URL(authority)
  return url.protocol === 'https:' ? url : undefined
}

function valuesOfFailure(failure: Failure, context: DiagnosisContext): PlaceholderValues {
  switch (failure.source) {
    case 'settings':
    case 'claims':
      return { detail: failure.detail }
    case 'transport':
      return {
        peer: PEERS[failure.peer],
        host: failure.host,
        port: String(failure.port),
        step: failure.step,
        detail: failure.message,
        certificate: describeCertificate(failure.certificate),
      }
    case 'entra':
      return {
        peer: PEERS.entra,
        host: httpsOrigin(context.authority)?.hostname ?? '',
        detail: failure.description,
        thumbprint: THUMBPRINT.exec(failure.description)?.[1] ?? '',
        policyIds: failure.policyIds.join(', '),
      }
    case 'smtp':
      return { host: failure.host, from: SEND_AS.exec(failure.text)?.[1] ?? '' }
    case 'smtp_offer':
      return {
        host: failure.host,
        offered: failure.offered.join(', ') || 'nothing',
        wanted: failure.wanted,
      }
    case 'graph':
      return { peer: PEERS.graph, operation: failure.operation, detail: failure.message }
  }
}

/** The operator's own values; an empty value counts as unknown. Nothing in it holds a secret. */
export function valuesOfContext(context: DiagnosisContext): PlaceholderValues {
  const cloud = CLOUDS.get(context.cloud ?? 'worldwide')
  const authority = httpsOrigin(context.authority)
  return {
    ...known({
      clientId: context.clientId ?? '',
      tenantId: context.tenantId ?? '',
      objectId: context.servicePrincipalObjectId ?? '',
      registrationObjectId: context.graph?.registrationObjectId ?? '',
      mailbox: context.mailbox,
      sender: context.senderEmailAddress,
      smtpHost: context.smtpHost,
      smtpPort: String(context.smtpPort),
      authority: authority?.origin ?? '',
      authorityHost: authority?.host ?? '',
      portal: cloud?.portal ?? 'https://portal.azure.com',
      from: context.senderEmailAddress,
      workedUntil: context.workedUntil === null ? '' : minuteOf(context.workedUntil),
    }),
    exchangeEnvironment: cloud?.environment ?? '',
  }
}

/** These, and what the failure itself says. */
export function placeholderValues(
  failure: Failure,
  context: DiagnosisContext,
  answer: Answer,
): PlaceholderValues {
  const own = { ...valuesOfFailure(failure, context), answer: answer.text }
  return { ...valuesOfContext(context), ...known(own) }
}

function known(values: PlaceholderValues): PlaceholderValues {
  const filled = Object.entries(values).filter(([, value]) => value !== '')
  return Object.fromEntries(filled.map(([name, value]) => [name, redact(value)]))
}
