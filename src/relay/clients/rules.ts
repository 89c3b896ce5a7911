import { Value } from 'typebox/value'
import { type FieldProblem, PosternError } from '../../platform/errors.ts'
import { createFindings, type Findings, readEmailAddress } from '../../profiles/index.ts'
import { type ClientAuthentication, type ClientSettings, RelayClientInput } from '../api.ts'
import type { RelayClient } from './client.ts'
import { readNetwork } from './networks.ts'
import { isUnguessable } from './secret.ts'

/** An input that keeps every rule. */
export interface ClientDraft {
  readonly username: string | null
  readonly settings: ClientSettings
  readonly secret:
    | { readonly type: 'keep' | 'generate' | 'none' }
    | { readonly type: 'password'; readonly password: string }
}

export const DEFAULTS = {
  allowedFrom: [],
  fromPolicy: 'reject',
  applySubjectPrefix: false,
  repair: { missingDate: false, missingMessageId: false, brokenFrom: false },
  messagesPerMinute: null,
  maxMessageBytes: null,
  maxRecipients: 500,
  addresses: [],
  bounces: false,
  priority: 'interactive',
  enabled: true,
} as const satisfies Partial<{ readonly [Key in keyof ClientSettings]: unknown }>

/** Without a login, a wider network than that of one site makes the relay an open one: /16 and /48 (RFC 6177). */
const MOST_OPEN_BITS = { 4: 32 - 16, 6: 128 - 48 } as const
const SHORTEST_PASSWORD = 12

/** Throws relay_client_invalid with everything that is wrong. `current`: the client that is replaced. */
export function readClientInput(
  input: RelayClientInput,
  options: { current: RelayClient | undefined; isProfile: (id: string) => boolean },
): ClientDraft {
  const { current, isProfile } = options
  const findings = createFindings()
  for (const { instancePath, message } of Value.Errors(RelayClientInput, input)) {
    findings.problem(
      instancePath.slice(1).replaceAll('/', '.'),
      `${instancePath.slice(1)} ${message}.`,
    )
  }
  if (findings.problems.length > 0) throw invalid(findings.problems)

  const authentication = input.authentication ?? current?.authentication ?? 'generated'
  const name = readName(input.name, findings)
  const username = readUsername(input, { authentication, current, findings })
  if (!isProfile(input.profileId)) {
    findings.problem(
      'profileId',
      `There is no profile “${input.profileId}”: name the one by which the client's mail is sent.`,
    )
  }
  const settings: ClientSettings = {
    name,
    authentication,
    profileId: input.profileId,
    allowedFrom: readAllowedFrom(input.allowedFrom ?? [], findings),
    fromPolicy: input.fromPolicy ?? DEFAULTS.fromPolicy,
    applySubjectPrefix: input.applySubjectPrefix ?? DEFAULTS.applySubjectPrefix,
    repair: { ...DEFAULTS.repair, ...input.repair },
    messagesPerMinute: input.messagesPerMinute ?? DEFAULTS.messagesPerMinute,
    maxMessageBytes: input.maxMessageBytes ?? DEFAULTS.maxMessageBytes,
    maxRecipients: input.maxRecipients ?? DEFAULTS.maxRecipients,
    addresses: readAddresses(input.addresses ?? [], authentication, findings),
    bounces: input.bounces ?? DEFAULTS.bounces,
    priority: input.priority ?? DEFAULTS.priority,
    enabled: input.enabled ?? DEFAULTS.enabled,
  }
  const secret = readSecret(input, { authentication, current, findings })
  if (findings.problems.length > 0) throw invalid(findings.problems)
  return { username, settings, secret }
}

const UNPRINTABLE = /[\p{Cc}\u2028\u2029]/u

function readName(text: string, findings: Findings): string {
  const name = text.trim()
  if (name === '' || UNPRINTABLE.test(name)) {
    findings.problem('name', 'name must be one line that says which device or application it is.')
  }
  return name
}

interface Context {
  readonly authentication: ClientAuthentication
  readonly current: RelayClient | undefined
  readonly findings: Findings
}

function readUsername(input: RelayClientInput, context: Context): string | null {
  const { authentication, current, findings } = context
  if (authentication === 'address') {
    if (typeof input.username === 'string') {
      findings.problem('username', 'username must be null where authentication is address.')
    }
    return null
  }
  const username = (input.username ?? current?.username ?? usernameOf(input.name)).trim()
  const isNameBlank = input.name.trim() === ''
  if (UNPRINTABLE.test(username) || (username === '' && !isNameBlank)) {
    findings.problem('username', 'username must be one line without control characters.')
  }
  return username
}

/** `Scanner, 2nd floor` -> `scanner-2nd-floor` */
function usernameOf(name: string): string {
  return name
    .trim()
    .toLowerCase()
    .replace(/[^\p{L}\p{N}._@-]+/gu, '-')
    .replace(/^-+|-+$/g, '')
}

function readSecret(input: RelayClientInput, context: Context): ClientDraft['secret'] {
  const { authentication, current, findings } = context
  const { password, renewSecret = false } = input
  if (password !== undefined && authentication !== 'password') {
    findings.problem('password', 'password is only for clients whose authentication is password.')
  }
  if (renewSecret && authentication !== 'generated') {
    findings.problem('renewSecret', 'renewSecret is only for clients whose secret is generated.')
  }
  if (authentication === 'address') return { type: 'none' }
  const isKept = current?.authentication === authentication
  if (authentication === 'generated') return { type: isKept && !renewSecret ? 'keep' : 'generate' }
  if (password === undefined) {
    if (isKept) return { type: 'keep' }
    findings.problem(
      'password',
      'password is missing: enter one, or let authentication be generated.',
    )
    return { type: 'none' }
  }
  if ([...password].length < SHORTEST_PASSWORD || UNPRINTABLE.test(password)) {
    findings.problem(
      'password',
      `password must have at least ${SHORTEST_PASSWORD} characters and no control characters.`,
    )
  }
  if (isUnguessable(password)) {
    findings.problem('password', 'password has the form of a generated secret: choose another one.')
  }
  return { type: 'password', password }
}

function readAllowedFrom(entries: readonly string[], findings: Findings): string[] {
  return entries.flatMap((entry, index) => {
    const text = entry.trim()
    const isDomain = text.startsWith('@')
    const field = `allowedFrom.${index}`
    const address = readEmailAddress(
      isDomain ? `x${text}` : text,
      { field, label: `“${text}”` },
      findings,
    )
    if (address === '') findings.problem(field, 'An allowed address is empty: remove it.')
    if (address === undefined || address === '') return []
    return [isDomain ? address.slice(1) : address]
  })
}

function readAddresses(
  entries: readonly string[],
  authentication: ClientAuthentication,
  findings: Findings,
): string[] {
  if (authentication === 'address' && entries.length === 0) {
    findings.problem(
      'addresses',
      'addresses are missing: without a login, the client is known by them alone.',
    )
  }
  return entries.flatMap((entry, index) => {
    const text = entry.trim()
    const network = readNetwork(text)
    if (network === undefined) {
      findings.problem(
        `addresses.${index}`,
        `“${text}” is no address or network: write it as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32.`,
      )
      return []
    }
    if (authentication === 'address' && network.width > MOST_OPEN_BITS[network.version]) {
      findings.problem(
        `addresses.${index}`,
        `“${text}” is too wide for a client without a login: the relay would be open to strangers. A network may be /16 at most, one of IPv6 /48: name those of the devices in addresses (--address), or let the client log in.`,
      )
    }
    return [text]
  })
}

function invalid(problems: readonly FieldProblem[]): PosternError {
  return new PosternError(
    `The relay client was not saved: ${problems.map(({ message }) => message).join(' ')}`,
    { kind: 'invalid', code: 'relay_client_invalid', problems },
  )
}
