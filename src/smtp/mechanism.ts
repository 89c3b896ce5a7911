import type { Secret } from '../platform/secret.ts'
import { assertUsername } from './command-line.ts'
import type { Reply } from './reply.ts'

export type SmtpAuthentication =
  | { type: 'none' }
  | { type: 'login'; username: string; password: Secret }
  | { type: 'xoauth2'; username: string; token: Secret }

export type Mechanism = 'XOAUTH2' | 'PLAIN' | 'LOGIN'

/** What an authentication needs the server to offer, for people. */
export function wantedMechanism(authentication: SmtpAuthentication): string {
  return authentication.type === 'xoauth2' ? 'XOAUTH2' : 'PLAIN or LOGIN'
}

/** The mechanism to use, or undefined when the server offers none that fits. PLAIN needs one round trip less. */
export function chooseMechanism(
  authentication: SmtpAuthentication,
  offered: readonly string[],
): Mechanism | undefined {
  const has = (name: Mechanism) => offered.some((found) => found.toUpperCase() === name)
  if (authentication.type === 'xoauth2') return has('XOAUTH2') ? 'XOAUTH2' : undefined
  if (has('PLAIN')) return 'PLAIN'
  return has('LOGIN') ? 'LOGIN' : undefined
}

/** Sends one line of the AUTH dialogue and resolves to the server's reply. */
export type AuthLine = (line: string) => Promise<Reply>

/** The whole AUTH dialogue (RFC 4954 §4). The last reply decides: 235 is success. */
export async function authenticate(
  mechanism: Mechanism,
  authentication: SmtpAuthentication,
  send: AuthLine,
): Promise<Reply> {
  if (authentication.type === 'none') throw new TypeError('no authentication to perform')
  assertUsername(authentication.username)
  const reply = await dialogue(mechanism, authentication, send)
  return redactReply(reply, secretsOf(authentication))
}

async function dialogue(
  mechanism: Mechanism,
  authentication: Exclude<SmtpAuthentication, { type: 'none' }>,
  send: AuthLine,
): Promise<Reply> {
  const { username } = authentication
  if (authentication.type === 'xoauth2') {
    const reply = await initialResponse(
      mechanism,
      base64(`user=${username}\x01auth=Bearer ${authentication.token.reveal()}\x01\x01`),
      send,
    )
    // The challenge holds a JSON reason; an empty answer makes the server say its final reply.
    return reply.code === 334 ? send('') : reply
  }
  const password = authentication.password.reveal()
  if (mechanism === 'PLAIN') {
    return initialResponse(mechanism, base64(`\0${username}\0${password}`), send)
  }
  const asked = await send('AUTH LOGIN')
  if (asked.code !== 334) return asked
  const askedAgain = await send(base64(username))
  if (askedAgain.code !== 334) return askedAgain
  return send(base64(password))
}

// RFC 5321 §4.5.3.1.4: a command line is at most 512 octets, its CR LF included. A token never fits; real tokens
// make 3 KB, which some servers refuse on the command line but take as an answer to 334 (RFC 4954 §4: 12,288).
const LONGEST_COMMAND = 512

async function initialResponse(mechanism: Mechanism, blob: string, send: AuthLine): Promise<Reply> {
  const command = `AUTH ${mechanism} ${blob}`
  if (command.length + 2 <= LONGEST_COMMAND) return send(command)
  const asked = await send(`AUTH ${mechanism}`)
  return asked.code === 334 ? send(blob) : asked
}

function base64(text: string): string {
  return Buffer.from(text, 'utf8').toString('base64')
}

function secretsOf(authentication: Exclude<SmtpAuthentication, { type: 'none' }>): string[] {
  const { username } = authentication
  if (authentication.type === 'xoauth2') {
    const token = authentication.token.reveal()
    return [token, base64(`user=${username}\x01auth=Bearer ${token}\x01\x01`)]
  }
  const password = authentication.password.reveal()
  return [password, base64(password), base64(`\0${username}\0${password}`)]
}

/** Hiding shorter ones would tear every reply to pieces. */
const SHORTEST_HIDDEN = 4

/** Some servers repeat what they could not read: whole or cut, a credential must not come back in a reply. */
function redactReply(reply: Reply, known: readonly string[]): Reply {
  const secrets = known.filter((secret) => secret.length >= SHORTEST_HIDDEN)
  const hide = (text: string) =>
    secrets
      .reduce((rest, secret) => rest.replaceAll(secret, '[secret]'), text)
      .replace(/[A-Za-z0-9+/=_-]{16,}/g, (run) =>
        secrets.some((secret) => secret.includes(run)) ? '[secret]' : run,
      )
  return { ...reply, lines: reply.lines.map(hide), text: hide(reply.text) }
}
