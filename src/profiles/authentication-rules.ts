import { Value } from 'typebox/value'
import type { Secret } from '../platform/secret.ts'
import { CloudId, RENEWAL_DEFAULTS, type Renewal, RenewalInput } from './api.ts'
import { readCustomCloud } from './custom-cloud.ts'
import { readEmailAddress } from './email-address.ts'
import type { Findings } from './findings.ts'
import { readClientId, readTenantId } from './identifiers.ts'
import {
  type CertificateFacts,
  readCertificatePair,
  readClientSecret,
  readExpiresAt,
  readPassword,
} from './secret-rules.ts'
import type { StoredAuthentication } from './settings.ts'
import { isRecord } from './shape.ts'
import { readText } from './text.ts'

/** The credential that an input brings along. */
export interface SecretDraft {
  readonly type: 'clientSecret' | 'password' | 'certificate'
  /** Undefined: the stored one stays. */
  readonly value: Secret | undefined
  /** Undefined: not said. */
  readonly expiresAt: number | null | undefined
  /** Of a new certificate, what it says about itself. */
  readonly certificate?: CertificateFacts
}

export interface AuthenticationDraft {
  readonly authentication: StoredAuthentication
  readonly secret: SecretDraft | undefined
}

const LONGEST_USER_NAME = 320

export function readAuthentication(
  value: unknown,
  options: { allowCustomCloud: boolean; findings: Findings },
): AuthenticationDraft | undefined {
  if (!isRecord(value)) return undefined
  switch (value['type']) {
    case 'none':
      return { authentication: { type: 'none' }, secret: undefined }
    case 'basic':
      return readBasic(value, options.findings)
    case 'exchangeOnline':
      return readExchangeOnline(value, options)
    default:
      return undefined
  }
}

function readBasic(
  given: Readonly<Record<string, unknown>>,
  findings: Findings,
): AuthenticationDraft | undefined {
  const rule = {
    field: 'authentication.username',
    label: 'User name',
    maxLength: LONGEST_USER_NAME,
  }
  const username = readText(given['username'], rule, findings)
  if (username === '') {
    findings.problem(rule.field, 'User name is empty: enter the name that logs in at the server.')
  }
  const value = readPassword(given['password'], 'authentication.password', findings)
  if (username === undefined) return undefined
  return {
    authentication: { type: 'basic', username },
    secret: { type: 'password', value, expiresAt: undefined },
  }
}

function readExchangeOnline(
  given: Readonly<Record<string, unknown>>,
  options: { allowCustomCloud: boolean; findings: Findings },
): AuthenticationDraft | undefined {
  const { findings } = options
  const cloud = given['cloud'] === undefined ? 'worldwide' : given['cloud']
  const cloudId = Value.Check(CloudId, cloud) ? cloud : undefined
  const custom = readCustomCloud(given, {
    cloud: cloudId,
    allowed: options.allowCustomCloud,
    findings,
  })
  const tenantId = readTenantId(given['tenantId'], 'authentication.tenantId', findings)
  const clientId = readClientId(given['clientId'], 'authentication.clientId', findings)
  const username = readEmailAddress(
    given['username'],
    { field: 'authentication.username', label: 'User name' },
    findings,
  )
  const credential = isRecord(given['credential']) ? given['credential'] : {}
  const secret = readCredential(credential, 'authentication.credential', findings)
  const renewal = readRenewal(given['renewal'], 'authentication.renewal', findings)
  if (cloudId === undefined || tenantId === undefined || clientId === undefined) return undefined
  return {
    authentication: {
      type: 'exchangeOnline',
      cloud: cloudId,
      ...custom,
      tenantId,
      clientId,
      username: username || null,
      applicationRbac: given['applicationRbac'] === true,
      ...(renewal !== undefined && { renewal }),
    },
    secret,
  }
}

/** With its defaults; undefined when it is left out, or wrong after telling the problem. */
function readRenewal(value: unknown, field: string, findings: Findings): Renewal | undefined {
  if (!Value.Check(RenewalInput, value)) return undefined
  const renewal = { ...RENEWAL_DEFAULTS, ...value }
  if (renewal.lifetimeDays <= renewal.daysBefore + renewal.graceDays) {
    findings.problem(
      `${field}.lifetimeDays`,
      `A credential of ${renewal.lifetimeDays} days would be renewed again before its former one is gone: enter more days than daysBefore and graceDays together.`,
    )
    return undefined
  }
  return renewal
}

/** A credential of Microsoft Entra, at the place `field` of the input. */
export function readCredential(
  given: Readonly<Record<string, unknown>>,
  field: string,
  findings: Findings,
): SecretDraft {
  if (given['type'] === 'certificate') {
    const pair = readCertificatePair(given, field, findings)
    return {
      type: 'certificate',
      value: pair?.sealable,
      expiresAt: undefined,
      ...(pair !== undefined && { certificate: pair.facts }),
    }
  }
  const value = readClientSecret(given['value'], `${field}.value`, findings)
  const expiresAt = readExpiresAt(given['expiresAt'], `${field}.expiresAt`, findings)
  return { type: 'clientSecret', value, expiresAt }
}
