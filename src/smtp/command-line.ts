import { domainToASCII } from 'node:url'
import { PosternError } from '../platform/errors.ts'

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to refuse
const LINE_BREAKING = /[\r\n\u0000]/
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to refuse
const UNSAFE_IN_PATH = /[\u0000-\u0020\u007f<>]/
/** RFC 5321 §4.1.2 Quoted-string: the only place for a blank; what ends a path is kept out even there. */
const QUOTED = /^"(?:[ !#-;=?-[\]-~]|\\[ -;=?-~])*"$/
/** Letters, digits and hyphens, or an address literal (RFC 5321 §4.1.3). Whether it is a domain is the server's word. */
const ASCII_DOMAIN = /^(?:[A-Za-z0-9._-]+|\[[A-Za-z0-9.:]+\])$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is US-ASCII
const ASCII = /^[\u0000-\u007f]*$/
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to refuse
const UNSAFE_IN_PARAMETER = /[\u0000-\u0020\u007f]/
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to refuse
const CONTROL = /[\u0000-\u001f\u007f]/

/**
 * The one gate to the wire: every command, AUTH answers included, passes here. A CR, LF or NUL would end the
 * command and start another one (RFC 5321 §2.3.8).
 */
export function toWire(line: string): string {
  if (LINE_BREAKING.test(line)) throw unsafe('an SMTP command')
  return `${line}\r\n`
}

/**
 * `<mailbox>` for MAIL and RCPT. Nothing in it can add a parameter. A domain in other letters goes as A-labels
 * (RFC 5890 §2.3.2.1) unless `utf8` says that the command carries SMTPUTF8 (RFC 6531 §3.3).
 */
export function toPath(address: string, options: { utf8: boolean } = { utf8: false }): string {
  const path = findPath(address, options)
  if (path === undefined) throw unsafe('an email address')
  return path
}

/** As toPath; undefined: it can be none. */
export function findPath(address: string, options: { utf8: boolean }): string | undefined {
  const at = address.lastIndexOf('@')
  const local = address.slice(0, at)
  const given = address.slice(at + 1)
  // A lone surrogate would become another character on the wire.
  const isSafe = QUOTED.test(local) || !UNSAFE_IN_PATH.test(local)
  if (at < 1 || !isSafe || !address.isWellFormed()) return undefined
  if (ASCII_DOMAIN.test(given)) return `<${local}@${given}>`
  const domain = UNSAFE_IN_PATH.test(given) || ASCII.test(given) ? '' : domainToASCII(given)
  if (domain === '') return undefined
  return `<${local}@${options.utf8 ? given : domain}>`
}

/** As toPath; the empty address is the null reverse-path (RFC 5321 §4.5.5). */
export function toReversePath(address: string, options: { utf8: boolean }): string {
  return address === '' ? '<>' : toPath(address, options)
}

/** Whether an address can go only to a server with SMTPUTF8 (RFC 6531): A-labels do for a domain alone. */
export function needsSmtpUtf8(address: string): boolean {
  return !ASCII.test(address.slice(0, address.lastIndexOf('@') + 1))
}

/** ` NAME=value` for MAIL and RCPT (RFC 5321 §4.1.2 esmtp-param). Nothing in the value can add another one. */
export function toParameter(name: string, value: string, options: { utf8: boolean }): string {
  const isSafe = !UNSAFE_IN_PARAMETER.test(value) && value.isWellFormed()
  if (value === '' || !isSafe || !(options.utf8 || ASCII.test(value))) {
    throw unsafe(`the parameter ${name} of the envelope`)
  }
  return ` ${name}=${value}`
}

/** SASL separates its parts with NUL (RFC 4616) or \x01 (XOAUTH2): a user name must hold neither. */
export function assertUsername(username: string): void {
  if (username === '' || CONTROL.test(username)) throw unsafe('the user name')
}

/** A line break in a header value would add headers of its own (RFC 5322 §2.2). */
export function assertHeaderValue(name: string, value: string): void {
  if (LINE_BREAKING.test(value)) throw unsafe(`the header ${name}`)
}

function unsafe(what: string): PosternError {
  return new PosternError(
    `Nothing was sent, because ${what} holds characters that are not allowed there, such as a line break. Remove them and try again.`,
    { kind: 'invalid', code: 'smtp_value_invalid' },
  )
}
