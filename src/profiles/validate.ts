import { Value } from 'typebox/value'
import type { FieldProblem } from '../platform/errors.ts'
import {
  type AuthenticationInput,
  DeliverySettings,
  ProfileId,
  ProfileInput,
  ServerDetails,
} from './api.ts'
import { readAuthentication, type SecretDraft } from './authentication-rules.ts'
import { readEmailAddress } from './email-address.ts'
import { createFindings, type Findings } from './findings.ts'
import { checkConnection, readServerHost } from './server-rules.ts'
import type { Settings } from './settings.ts'
import { checkShape, isRecord } from './shape.ts'
import { readText } from './text.ts'

/** An input that keeps every rule, in the form in which it is stored. */
export interface Draft {
  readonly id: string
  readonly settings: Settings
  /** Undefined when the profile needs no login. */
  readonly secret: SecretDraft | undefined
}

export type Validated =
  | { readonly draft: Draft; readonly problems: readonly [] }
  | { readonly draft: undefined; readonly problems: readonly FieldProblem[] }

/** RFC 5322 §2.1.1 recommends lines of 78 characters; what a prefix takes is missing from the subject. */
const LONGEST_PREFIX = 100
/** As long as a display name in Exchange Online can be. */
const LONGEST_DISPLAY_NAME = 256

/** Tells everything that is wrong at once; the fields that have the right type are checked even when others have not. */
export function validateProfile(input: unknown, options: { allowCustomCloud: boolean }): Validated {
  const findings = createFindings()
  checkShape(ProfileInput, input, { field: '', name: 'A profile', findings })
  const draft = isRecord(input) ? readProfile(input, { ...options, findings }) : undefined
  if (findings.problems.length > 0) return { draft: undefined, problems: findings.problems }
  if (draft !== undefined) return { draft, problems: [] }
  return { draft: undefined, problems: [{ field: '', message: 'The profile is incomplete.' }] }
}

function readProfile(
  input: Readonly<Record<string, unknown>>,
  options: { allowCustomCloud: boolean; findings: Findings },
): Draft | undefined {
  const { findings } = options
  const senderDisplayName = readRequired(
    readText(
      input['senderDisplayName'],
      { field: 'senderDisplayName', label: 'Sender display name', maxLength: LONGEST_DISPLAY_NAME },
      findings,
    ),
    'senderDisplayName',
    'Sender display name is empty: enter the name that recipients shall see, or the address itself.',
    findings,
  )
  const senderEmailAddress = readRequired(
    readEmailAddress(
      input['senderEmailAddress'],
      { field: 'senderEmailAddress', label: 'Sender email address' },
      findings,
    ),
    'senderEmailAddress',
    'Sender email address is empty: enter the address of the mailbox that sends, such as alerts@contoso.com.',
    findings,
  )
  const prefix = readText(
    input['subjectPrefix'] ?? '',
    { field: 'subjectPrefix', label: 'Subject prefix', maxLength: LONGEST_PREFIX, trim: false },
    findings,
  )
  const errorEmailAddress = readEmailAddress(
    input['errorEmailAddress'],
    { field: 'errorEmailAddress', label: 'Send error email to' },
    findings,
  )
  const login = readAuthentication(input['authentication'], options)
  const server = readServer(input['server'], findings)
  const type = authenticationType(input['authentication'])
  if (server !== undefined && type !== undefined) checkConnection(server, type, findings)
  const { id, delivery = {} } = input
  if (
    senderDisplayName === undefined ||
    senderEmailAddress === undefined ||
    server === undefined ||
    login === undefined ||
    !Value.Check(DeliverySettings, delivery) ||
    !Value.Check(ProfileId, id)
  ) {
    return undefined
  }
  return {
    id,
    settings: {
      senderDisplayName,
      senderEmailAddress,
      subjectPrefix: prefix ?? '',
      errorEmailAddress: errorEmailAddress || null,
      server,
      authentication: login.authentication,
      ...(Object.keys(delivery).length > 0 && { delivery }),
    },
    secret: login.secret,
  }
}

/** Known even when another field of the authentication is wrong, so that all problems come at once. */
function authenticationType(value: unknown): AuthenticationInput['type'] | undefined {
  const type = isRecord(value) ? value['type'] : undefined
  return type === 'exchangeOnline' || type === 'basic' || type === 'none' ? type : undefined
}

function readServer(value: unknown, findings: Findings): ServerDetails | undefined {
  if (!isRecord(value)) return undefined
  const host = readServerHost(value['host'], 'server.host', findings)
  const server = { host, port: value['port'], security: value['security'] }
  return Value.Check(ServerDetails, server) ? server : undefined
}

function readRequired(
  value: string | undefined,
  field: string,
  message: string,
  findings: Findings,
): string | undefined {
  if (value !== '') return value
  findings.problem(field, message)
  return undefined
}
