import { domainToASCII } from 'node:url'
import { PosternError } from '../platform/errors.ts'

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to refuse
const LINE_BREAKING = /[\r\n\u0000]/
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to refuse
const UNSAFE_IN_PATH = /[\u0000-\u0020\u007f<>]/
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

/** `<mailbox>` for MAIL and RCPT, its domain in ASCII (RFC 5890 §2.3.2.1). Nothing in it can add a parameter. */
export function toPath(address: string): string {
  const at = address.lastIndexOf('@')
  if (at < 1 || UNSAFE_IN_PATH.test(address)) throw unsafe('an email address')
  const domain = domainToASCII(address.slice(at + 1))
  if (domain === '') throw unsafe('an email address')
  return `<${address.slice(0, at)}@${domain}>`
}

/** SASL separates its parts with NUL (RFC 4616) or \x01 (XOAUTH2): a user name must hold neither. */
export function assertUsername(username: string): void {
  if (username === '' || CONTROL.test(username)) throw unsafe('the user name')
}

/** A line break in a header value would add headers of its own (RFC 5322 §2.2). */
export function assertHeaderValue(name: string, value: string): void {
  if (LINE_BREAKING.test(value)) throw unsafe(`the header ${name}`)
}

/** RFC 5321 §2.3.8 and §4.1.1.4: a bare CR or LF lets two servers disagree on where a message ends. */
export function assertMessageLines(data: Buffer): void {
  for (let i = 0; i < data.length; i++) {
    const bareLf = data[i] === 10 && data[i - 1] !== 13
    const bareCr = data[i] === 13 && data[i + 1] !== 10
    if (bareLf || bareCr) {
      throw new PosternError(
        'The message cannot be sent, because a line of it does not end with CR LF. End every line of the message with CR LF and send it again.',
        { kind: 'invalid', code: 'smtp_message_invalid' },
      )
    }
  }
}

function unsafe(what: string): PosternError {
  return new PosternError(
    `Nothing was sent, because ${what} holds characters that are not allowed there, such as a line break. Remove them and try again.`,
    { kind: 'invalid', code: 'smtp_value_invalid' },
  )
}
