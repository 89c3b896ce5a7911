import { Value } from 'typebox/value'
import type { Secret } from '../platform/secret.ts'
import { CloudId } from './api.ts'
import { readCustomCloud } from './custom-cloud.ts'
import { readEmailAddress } from './email-address.ts'
import type { Findings } from './findings.ts'
import { readClientId, readTenantId } from './identifiers.ts'
import { readClientSecret, readExpiresAt, readPassword } from './secret-rules.ts'
import type { StoredAuthentication } from './settings.ts'
import { isRecord } from './shape.ts'
import { readText } from './text.ts'

/** The credential that an input brings along. */
export interface SecretDraft {
  readonly type: 'clientSecret' | 'password'
  /** Undefined: the stored one stays. */
  readonly value: Secret | undefined
  /** Undefined: not said. */
  readonly expiresAt: number | null | undefined
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
  const place = 'authentication.credential'
  const value = readClientSecret(credential['value'], `${place}.value`, findings)
  const expiresAt = readExpiresAt(credential['expiresAt'], `${place}.expiresAt`, findings)
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
    },
    secret: { type: 'clientSecret', value, expiresAt },
  }
}
