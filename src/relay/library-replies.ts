import { FAREWELLS } from './refusals.ts'
import type { Reply } from './reply.ts'

/** An answer in place of one of the library's. `enhanced` null: none belongs there (RFC 2034 §4, EHLO and HELO). */
export type OwnReply = Omit<Reply, 'enhanced'> & { readonly enhanced: string | null }

const own = (code: number, enhanced: string | null, text: string): OwnReply => ({
  code,
  enhanced,
  text,
})

/** RFC 4954 §4: also for what is not base64. */
const LOGIN_UNREADABLE = own(
  501,
  '5.5.2',
  'The login cannot be read: send username and password in base64, as AUTH PLAIN or AUTH LOGIN ask for them (RFC 4954).',
)
const HELLO_SYNTAX = own(
  501,
  null,
  'Name the host of the application behind EHLO or HELO, as one word: EHLO app.example.com.',
)

const REPLIES: ReadonlyMap<string, OwnReply> = new Map([
  ['Timeout - closing connection', FAREWELLS.idle],
  ['Server shutting down', FAREWELLS.stopping],
  ['HTTP requests not allowed', FAREWELLS.web],
  ['Command line too long', FAREWELLS.longCommand],
  ['Error: too many unrecognized commands', FAREWELLS.errors],
  [
    'Error: command not recognized',
    own(
      500,
      '5.5.2',
      'This command is not known here. Use EHLO, STARTTLS, AUTH, MAIL, RCPT, DATA, RSET, NOOP or QUIT.',
    ),
  ],
  [
    'Error: internal server error',
    own(451, '4.3.0', 'An error of Postern itself. Try again later; its log has the reason.'),
  ],
  ['Error: send HELO/EHLO first', own(503, '5.5.1', 'Send EHLO first, then this command again.')],
  ['Error: syntax: EHLO hostname', HELLO_SYNTAX],
  ['Error: Syntax: HELO hostname', HELLO_SYNTAX],
  ['Error: Bad hostname syntax', HELLO_SYNTAX],
  [
    'Error: Syntax: VRFY address',
    own(501, '5.5.4', 'VRFY needs an address, and is not answered anyway. Send the message.'),
  ],
  [
    'Try to send something. No promises though',
    own(252, '2.0.0', 'This relay does not check who exists. Send the message to find out.'),
  ],
  ['Error: syntax: STARTTLS', own(501, '5.5.4', 'STARTTLS takes no parameter. Send it alone.')],
  [
    'Error: TLS already active',
    own(503, '5.5.1', 'The connection is encrypted already. Go on with EHLO.'),
  ],
  [
    'Error: No identity changes permitted',
    own(503, '5.5.1', 'This connection has logged in already. Connect again for another login.'),
  ],
  [
    'Error: Unrecognized authentication type',
    own(
      504,
      '5.5.4',
      'This relay takes AUTH PLAIN and AUTH LOGIN. Choose one of them in the application.',
    ),
  ],
  ['Error: syntax: AUTH PLAIN token', LOGIN_UNREADABLE],
  ['Error: syntax: AUTH LOGIN', LOGIN_UNREADABLE],
  ['Error: invalid userdata', LOGIN_UNREADABLE],
  [
    'Error: missing username',
    own(501, '5.5.2', 'The login has no username. Enter the one of the relay client.'),
  ],
  // RFC 4954 §4: the client has sent “*”.
  [
    'Authentication aborted',
    own(501, '5.7.0', 'The login was cancelled by the application. Start it again with AUTH.'),
  ],
  [
    'Error: Bad sender address syntax',
    own(
      501,
      '5.1.7',
      'The sender is no valid address: write it as MAIL FROM:<name@example.com>. Correct it in the application.',
    ),
  ],
  [
    'Error: nested MAIL command',
    own(
      503,
      '5.5.1',
      'A message is being handed in already. End it with DATA, or drop it with RSET, before the next MAIL.',
    ),
  ],
  [
    'Error: Bad recipient address syntax',
    own(
      501,
      '5.1.3',
      'The recipient is no valid address: write it as RCPT TO:<name@example.com>. Correct it in the application.',
    ),
  ],
  ['Error: need MAIL command', own(503, '5.5.1', 'Name the sender with MAIL first.')],
  [
    'Error: Bad message size syntax',
    own(501, '5.5.4', 'SIZE must be the number of bytes (RFC 1870). Correct it or leave it out.'),
  ],
  [
    'Invalid BODY parameter value. Must be 7BIT or 8BITMIME',
    own(501, '5.5.4', 'BODY must be 7BIT or 8BITMIME (RFC 6152). Encode binary content first.'),
  ],
  [
    'Invalid SMTPUTF8 parameter. This flag does not accept a value',
    own(501, '5.5.4', 'SMTPUTF8 takes no value (RFC 6531). Send the word alone.'),
  ],
  [
    'Invalid RET parameter value. Must be FULL or HDRS',
    own(501, '5.5.4', 'RET must be FULL or HDRS (RFC 3461). Correct it or leave it out.'),
  ],
  [
    'Error: NOTIFY parameter must be NEVER, SUCCESS, FAILURE, or DELAY',
    own(
      501,
      '5.5.4',
      'NOTIFY must be NEVER, or a list of SUCCESS, FAILURE and DELAY (RFC 3461). Correct it or leave it out.',
    ),
  ],
  [
    'Error: NOTIFY=NEVER cannot be combined with other values',
    own(501, '5.5.4', 'NOTIFY=NEVER stands alone (RFC 3461). Leave the other values out.'),
  ],
  [
    'Error: Bad ORCPT parameter syntax',
    own(
      501,
      '5.5.4',
      'ORCPT must be a type, a semicolon and an address in xtext, as in rfc822;bob@example.com (RFC 3461). Correct it or leave it out.',
    ),
  ],
])

/** Texts with a part that differs. */
const FORMS: readonly (readonly [RegExp, OwnReply])[] = [
  [/ You talk too soon$/, FAREWELLS.early],
  [
    /^Error: duplicate \S+ parameter$/,
    own(501, '5.5.4', 'A parameter of the command stands there twice. Send each of them once.'),
  ],
  [
    /^Error: \S+ parameter requires a value$/,
    own(501, '5.5.4', 'A parameter of the command has no value. Give it one or leave it out.'),
  ],
]

/**
 * The library's answers in words of our own, which say what to do, with a code that says what they mean. Undefined: a
 * text that is not known to be one of them.
 */
export function inOwnWords(text: string): OwnReply | undefined {
  return REPLIES.get(text) ?? FORMS.find(([form]) => form.test(text))?.[1]
}

const ENHANCED = /^([245]\.\d{1,3}\.\d{1,3}) (.+)$/s

/**
 * What is sent in place of a text that passes the library: one of the relay has its enhanced code in front. Undefined:
 * good news of the library, which stay as they are.
 */
export function ownReply(code: number, text: string): OwnReply | undefined {
  const [, enhanced, sentence] = ENHANCED.exec(text) ?? []
  if (enhanced !== undefined && sentence !== undefined) return own(code, enhanced, sentence)
  return inOwnWords(text) ?? (code < 400 ? undefined : ofUnknown(code))
}

/** In place of a refusal of the library that nobody has put into words. */
function ofUnknown(code: number): OwnReply {
  if (code === 421) return own(code, '4.5.0', 'The connection is broken. Connect again.')
  return code < 500
    ? own(code, '4.5.0', 'The command was not carried out. Try again later.')
    : own(code, '5.5.0', 'The command is not possible as it stands. Correct the application.')
}
