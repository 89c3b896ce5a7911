import { isUtf8 } from 'node:buffer'
import type { EnvelopeRecipient } from '../outbox/index.ts'
import { findPath } from '../smtp/index.ts'
import type { Reply } from './reply.ts'

/** What a MAIL command says, in the words of the client: xtext stays encoded, domains stay as they were typed. */
export interface SenderCommand {
  readonly address: string
  /** Whether mail can come from it. One that is not usable must not travel; it may give way to another one. */
  readonly isUsable: boolean
  /** SIZE; null: not given. */
  readonly sizeBytes: number | null
  readonly smtpUtf8: boolean
  readonly eightBit: boolean
  readonly ret: 'FULL' | 'HDRS' | null
  readonly envid: string | null
}

interface Parsed {
  readonly address: string
  /** By name in upper case; empty: without a value. */
  readonly parameters: ReadonlyMap<string, string>
}

// RFC 1870, 6152, 6531, 3461, 4954 §5.
const OF_MAIL = new Set(['SIZE', 'BODY', 'SMTPUTF8', 'RET', 'ENVID', 'AUTH'])
const OF_RCPT = new Set(['NOTIFY', 'ORCPT'])
// RFC 3461 §4.
const XTEXT = /^([!-*,-<>-~]|\+[0-9A-F]{2})+$/
/** One @ parts local part and domain, and what begins with a quote ends with one. */
const ADDRESS = /^(?:"(?:[^"\\@]|\\[^@])*"|[^"@][^@]*)@[^@]+$/u
/** Blanks other than that of ASCII, controls and what nobody sees: an address with them looks like another one. */
const UNSEEN = /[^\S ]|[\u0080-\u009f\u200b\u2060]/u
/** RFC 5321 §4.5.3.1.3: 256 octets with the brackets. */
const LONGEST_ADDRESS_BYTES = 254
const LONGEST_ENVID = 100
const LONGEST_ORCPT = 500

/** Undefined: its syntax is wrong in a way that is for others to answer. */
export function readSenderCommand(command: Buffer): SenderCommand | Reply | undefined {
  const parsed = parse(command, /^MAIL FROM\s*:\s*<([^<>]*)>(.*)$/isu, OF_MAIL, '5.1.7')
  if (parsed === undefined || 'code' in parsed) return parsed
  const { address, parameters } = parsed
  const smtpUtf8 = parameters.has('SMTPUTF8')
  if (!isAscii(address) && !smtpUtf8) return NOT_ASCII
  const envid = parameters.get('ENVID') ?? null
  if (envid !== null && (!XTEXT.test(envid) || envid.length > LONGEST_ENVID)) return BAD_PARAMETER
  const ret = parameters.get('RET')?.toUpperCase()
  return {
    address,
    isUsable: address === '' || isUsable(address),
    sizeBytes: parameters.has('SIZE') ? Number(parameters.get('SIZE')) : null,
    smtpUtf8,
    eightBit: parameters.get('BODY')?.toUpperCase() === '8BITMIME',
    ret: ret === 'FULL' || ret === 'HDRS' ? ret : null,
    envid,
  }
}

/** The same command with another path. */
export function withPath(command: Buffer, path: '<>' | '<name@domain.invalid>'): Buffer {
  return Buffer.from(command.toString('latin1').replace(/<[^<>]*>/, path), 'latin1')
}

export function readRecipientCommand(
  command: Buffer,
  smtpUtf8: boolean,
): EnvelopeRecipient | Reply | undefined {
  const parsed = parse(command, /^RCPT TO\s*:\s*<([^<>]*)>(.*)$/isu, OF_RCPT, '5.1.3')
  if (parsed === undefined || 'code' in parsed) return parsed
  const { address, parameters } = parsed
  if (!isAscii(address) && !smtpUtf8) return NOT_ASCII
  // RFC 5321 §4.1.1.3 has such a recipient for servers with mailboxes of their own.
  if (address !== '' && !address.includes('@')) return NO_DOMAIN
  if (address !== '' && !isUsable(address)) return UNUSABLE_RECIPIENT
  const orcpt = parameters.get('ORCPT') ?? null
  const text = orcpt === null ? 'x' : orcpt.slice(orcpt.indexOf(';') + 1)
  if (!XTEXT.test(text) || (orcpt ?? '').length > LONGEST_ORCPT) return BAD_PARAMETER
  return { address, notify: parameters.get('NOTIFY')?.toUpperCase() ?? null, orcpt }
}

function parse(
  command: Buffer,
  form: RegExp,
  known: ReadonlySet<string>,
  addressCode: string,
): Parsed | Reply | undefined {
  // An address must never be relayed as another one: no replacement characters.
  if (!isUtf8(command)) {
    return {
      code: 501,
      enhanced: addressCode,
      text: 'The address is not valid UTF-8 (RFC 6531). Correct it in the application.',
    }
  }
  const [whole, path, tail = ''] = form.exec(command.toString()) ?? []
  if (whole === undefined || path === undefined) return undefined
  const parameters = new Map<string, string>()
  for (const word of tail.trim().split(/\s+/)) {
    if (word === '') continue
    const equals = word.indexOf('=')
    const name = (equals < 0 ? word : word.slice(0, equals)).toUpperCase()
    if (!known.has(name)) return unknownParameter(name)
    parameters.set(name, equals < 0 ? '' : word.slice(equals + 1))
  }
  // RFC 5321 §4.1.2 and appendix C: a source route is accepted and ignored.
  return { address: path.replace(/^@[^\s,:@]+(?:,@[^\s,:@]+)*:/, ''), parameters }
}

/** Whether the delivery can name it to a server. */
function isUsable(address: string): boolean {
  return (
    ADDRESS.test(address) &&
    !UNSEEN.test(address) &&
    Buffer.byteLength(address) <= LONGEST_ADDRESS_BYTES &&
    findPath(address, { utf8: true }) !== undefined
  )
}

function isAscii(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text)
}

// RFC 5321 §4.1.1.11.
function unknownParameter(name: string): Reply {
  const shown = /^[A-Z0-9-]{1,20}$/.test(name) ? name : 'one of them'
  return {
    code: 555,
    enhanced: '5.5.4',
    text: `A parameter of the command is not known here: ${shown}. Send it without.`,
  }
}

const BAD_PARAMETER: Reply = {
  code: 501,
  enhanced: '5.5.4',
  text: 'A DSN parameter of the command is no valid xtext, or too long (RFC 3461).',
}

const NOT_ASCII: Reply = {
  code: 553,
  enhanced: '5.6.7',
  text: 'The address has characters beyond ASCII: the MAIL command must say SMTPUTF8 then (RFC 6531).',
}

const NO_DOMAIN: Reply = {
  code: 553,
  enhanced: '5.1.3',
  text: 'The address has no domain. This relay has no mailboxes of its own: send to a whole address.',
}

const UNUSABLE_RECIPIENT: Reply = {
  code: 553,
  enhanced: '5.1.3',
  text: 'The recipient is no address that mail can go to: it is too long, has characters that do not belong there, or a domain that cannot exist. Correct it in the application.',
}
