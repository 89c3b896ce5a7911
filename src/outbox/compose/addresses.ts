import { type Findings, mailboxOf, type Profile, readEmailAddress } from '../../profiles/index.ts'
import type { AddressInput } from '../api.ts'

/** An address for a header. An empty name: the address alone. */
export interface Mailbox {
  readonly name: string
  readonly address: string
}

/** As long as a display name in Exchange Online can be. */
const LONGEST_NAME = 256
const LONGEST_SHOWN = 80
/** All blanks but the usual one, controls and marks without a picture, and what is no character. */
const HIDDEN = /(?! )[\p{C}\p{Z}]/gu
/** Line breaks and all other control characters: they end a header field, or hide what follows. */
const FORBIDDEN = /[\p{Cc}\u2028\u2029]/u

export function readMailboxes(
  value: AddressInput | readonly AddressInput[] | undefined,
  field: string,
  findings: Findings,
): readonly Mailbox[] {
  if (value === undefined) return []
  if (!isList(value)) return [readMailbox(value, field, findings)].filter(isRead)
  return value
    .map((entry, index) => readMailbox(entry, `${field}[${index}]`, findings))
    .filter(isRead)
}

function readMailbox(value: AddressInput, field: string, findings: Findings): Mailbox | undefined {
  const { name, address } = typeof value === 'string' ? split(value) : { name: '', ...value }
  const shownName = readName(name, field, findings)
  const label = `${field} ${shownAddress(address)}`
  const read = readEmailAddress(address, { field, label }, findings)
  if (read === '') {
    findings.problem(field, `${field} is empty: enter a whole address such as ada@example.com.`)
  }
  if (shownName === undefined || read === undefined || read === '') return undefined
  return { name: shownName, address: read }
}

/** `Ada Lovelace <ada@example.com>`. What is no such form is left to the rules of an address alone. */
function split(text: string): Mailbox {
  const [, name = '', address] = /^([^<>]*)<([^<>]*)>\s*$/.exec(text) ?? []
  if (address === undefined) return { name: '', address: text }
  const [, quoted] = /^"((?:[^"\\]|\\.)*)"$/.exec(name.trim()) ?? []
  return { name: quoted?.replaceAll(/\\(.)/g, '$1') ?? name.trim(), address }
}

/** A display name on one line; undefined after telling the problem. */
export function readName(name: string, field: string, findings: Findings): string | undefined {
  if (!isOneLine(name)) {
    findings.problem(
      field,
      `${field} has a name with a line break or another control character: write it on one line.`,
    )
    return undefined
  }
  if (name.length > LONGEST_NAME) {
    findings.problem(
      field,
      `${field} has a name of more than ${LONGEST_NAME} characters: shorten it.`,
    )
    return undefined
  }
  return name.trim()
}

/** In quotes for a sentence; a character that nobody sees, or that turns text round, as its number. */
export function shownAddress(text: string): string {
  const visible = text.slice(0, LONGEST_SHOWN).replaceAll(HIDDEN, (character) => {
    const number = (character.codePointAt(0) ?? 0).toString(16).toUpperCase()
    return `[U+${number.padStart(4, '0')}]`
  })
  return `“${visible}”`
}

/** Without control characters, and whole Unicode (no half of a surrogate pair). */
export function isOneLine(text: string): boolean {
  return !FORBIDDEN.test(text) && text.isWellFormed()
}

/** The addresses that mail of this profile may come from: its sender, and the mailbox that it logs in as. */
export function senderAddresses(profile: Profile): readonly string[] {
  const addresses = [profile.senderEmailAddress, mailboxOf(profile)]
  // The user name of a basic login need not be an address.
  return [...new Set(addresses.map((address) => address.toLowerCase()))].filter((address) =>
    address.includes('@'),
  )
}

export function isSenderOf(profile: Profile, address: string): boolean {
  return senderAddresses(profile).includes(address.toLowerCase())
}

/** RFC 6531 §3.3: an address with anything but ASCII needs SMTPUTF8. */
export function needsUtf8(address: string): boolean {
  return /[^\x20-\x7e]/.test(address)
}

function isRead(mailbox: Mailbox | undefined): mailbox is Mailbox {
  return mailbox !== undefined
}

function isList(value: AddressInput | readonly AddressInput[]): value is readonly AddressInput[] {
  return Array.isArray(value)
}
