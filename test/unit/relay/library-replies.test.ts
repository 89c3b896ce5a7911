import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { inOwnWords } from '../../../src/relay/library-replies.ts'
import { base64 } from '../../support/smtp-dialogue.ts'
import { plain, startRelay } from './harness.ts'

/** Good news that asks nothing of anybody, and answers of EHLO. */
const KEPT = [
  'Accepted',
  'Authentication successful',
  'Bye',
  'Flushed',
  'OK',
  'Ready to start TLS',
  'UGFzc3dvcmQ6',
  'VXNlcm5hbWU6',
  'End data with <CR><LF>.<CR><LF>',
  '[formattedResponse].concat(features || []), false',
  'formattedResponse, false',
  "this.name + ' ' + (options.lmtp ? 'LMTP' : 'ESMTP') + (options.banner ? ' ' + options.banner : ''), false",
]

/** Texts of the relay's own handlers, and those that this test finds where they are made. */
const PASSED_ON = [
  'err.message',
  'err.message, context',
  'error',
  'error.message',
  'validationError.message, validationError.enhancedCode || undefined',
]

/** Texts with a part that differs, and what becomes of them. */
const COMPOSED: Readonly<Record<string, string>> = {
  "this.name + ' You talk too soon', commandName": 'relay.test You talk too soon',
  "'Error: send ' + (this._server.options.lmtp ? 'LHLO' : 'HELO/EHLO') + ' first'":
    'Error: send HELO/EHLO first',
  "'Error: syntax: ' + (this._server.options.lmtp ? 'LHLO' : 'EHLO') + ' hostname', false":
    'Error: syntax: EHLO hostname',
  "'Error: duplicate ' + parsed.duplicate + ' parameter'": 'Error: duplicate SIZE parameter',
  "'Error: ' + valueless + ' parameter requires a value'": 'Error: SIZE parameter requires a value',
}

/** What the relay has switched off, or does itself. */
const OUT_OF_REACH = [
  // Its own limits, parser, logins, sizes and everything after DATA.
  "this.name + ' Too many connected clients, try again in a moment', false",
  "'Error: ' + err.message",
  'Error: too many unauthenticated commands',
  "typeof this._server.options.authRequiredMessage === 'string' ? this._server.options.authRequiredMessage : 'Error: authentication Required'",
  'Error: Must issue a STARTTLS command first',
  "response.message || 'Error: Authentication credentials invalid'",
  "'Error: message exceeds fixed maximum message size ' + this._server.options.size",
  "'Error: message exceeds fixed maximum message size ' + this._server.options.size, 'MESSAGE_TOO_BIG'",
  'Error: too many recipients',
  'Error: need RCPT command',
  "typeof response === 'string' ? response : 'OK: message accepted', 'DATA_OK'",
  "typeof message === 'string' ? message : 'OK: message accepted', 'DATA_OK'",
  "typeof message === 'string' ? message : 'OK: message queued', 'DATA_OK'",
  // LMTP, HELP, XCLIENT, XFORWARD and the jokes.
  "'Error: ' + commandName + ' not allowed in LMTP server', false",
  'See https://tools.ietf.org/html/rfc5321 for details',
  'Error: Not allowed',
  'Error: Mail transaction in progress',
  'Error: Bad command parameter syntax',
  'Error: Bad command parameter syntax. Invalid address',
  'Error: Bad command parameter syntax. Invalid hostname',
  'You are no wizard!',
  'Please pass, oh mighty wizard',
  'Mere mortals must not mutter that mantra',
  'Error: Invoking shell is not allowed. This incident will be reported.',
  'Can not kill Mom',
  // REQUIRETLS, XOAUTH2 and CRAM-MD5 are not offered.
  'REQUIRETLS not permitted on non-TLS connections',
  'Invalid REQUIRETLS parameter. This flag does not accept a value',
  'Error: syntax: AUTH XOAUTH2 token',
  'Error: syntax: AUTH CRAM-MD5',
  "Buffer.from(challenge).toString('base64')",
  "Buffer.from(JSON.stringify(response.data || {})).toString('base64')",
  'Error: Username and Password not accepted',
  'Command handler is not set',
]

const FOLDER = join(fileURLToPath(import.meta.resolve('smtp-server')), '..')

/** What a file of the library sends, or makes to be sent: plain texts, else the expression as it is written. */
function textsOf(file: string): string[] {
  const source = readFileSync(join(FOLDER, file), 'utf8')
  const sent = source.matchAll(/\.send\([\w.]+(?: \|\| \d+)?, (.*)\);$/gm)
  const made = source.matchAll(/(?:\bmessage: |\berror(?:: | = ))('.*?)(?:,| \};|;)$/gm)
  const thrown = file === 'smtp-stream.js' ? source.matchAll(/new Error\((.*)\);$/gm) : []
  return [...sent, ...made, ...thrown].map(
    ([, text = '']) => /^'([^']*)'(?:, [\w']+)?$/.exec(text)?.[1] ?? text,
  )
}

const ALL = ['smtp-connection.js', 'smtp-server.js', 'smtp-stream.js', 'sasl.js'].flatMap(textsOf)

test('every text of the library is known here, so that a new one is noticed', () => {
  const known = new Set([...KEPT, ...PASSED_ON, ...Object.keys(COMPOSED), ...OUT_OF_REACH])
  const unknown = ALL.filter((text) => !known.has(text) && inOwnWords(text) === undefined)
  expect(unknown).toEqual([])
  expect([...known].filter((text) => !ALL.includes(text))).toEqual([])
  expect(ALL.length).toBeGreaterThan(80)
})

const REACHING = [...new Set(ALL)].filter(
  (text) => ![...KEPT, ...PASSED_ON, ...OUT_OF_REACH].includes(text),
)

test.each(REACHING)('%j is put into a sentence that says what to do', (text) => {
  const reply = inOwnWords(COMPOSED[text] ?? text)
  expect(reply?.text).toMatch(/^[A-Z][\x20-\x7e]+\.$/)
  expect(reply?.text).not.toContain('Error:')
  if (reply?.enhanced !== null) expect(reply?.enhanced[0]).toBe(String(reply?.code)[0])
  expect(ALL.filter((one) => one === text).length).toBeGreaterThan(0)
})

const WORDS = /^(\d{3}[ -](\d\.\d\.\d )?[A-Z].*\.|\d{3}-.*|\d{3} \d\.\d\.\d [a-z].*\.)$/s

test.each<[readonly string[], string]>([
  [['EHLO'], '501 Name the host'],
  [['HELO a b'], '501 Name the host'],
  [['MAIL FROM:<>'], '503 5.5.1 Send EHLO first'],
  [['EHLO x', 'FOO'], '500 5.5.2 This command is not known'],
  [['EHLO x', 'VRFY'], '501 5.5.4 VRFY'],
  [['EHLO x', 'VRFY bob'], '252 2.0.0 This relay does not check'],
  [['EHLO x', 'STARTTLS now'], '501 5.5.4 STARTTLS takes no'],
  [['EHLO x', 'AUTH'], '504 5.5.4 This relay takes AUTH PLAIN'],
  [['EHLO x', 'AUTH PLAIN a b'], '501 5.5.2 The login cannot be read'],
  [['EHLO x', 'AUTH PLAIN AAAA'], '501 5.5.2 The login cannot be read'],
  [['EHLO x', 'AUTH LOGIN', base64('a\r')], '501 5.5.2 The login cannot be read'],
  [['EHLO x', 'AUTH LOGIN', '='], '501 5.5.2 The login has no username'],
  [['EHLO x', 'AUTH LOGIN', '*'], '501 5.7.0 The login was cancelled'],
  [['LOGIN', 'AUTH PLAIN AAAA'], '503 5.5.1 This connection has logged in'],
  [['LOGIN', 'MAIL FROM:alerts@contoso.com'], '501 5.1.7 The sender is no valid'],
  [['LOGIN', 'MAIL FROM:<> SIZE'], '501 5.5.4 A parameter'],
  [['LOGIN', 'MAIL FROM:<> SIZE=1 SIZE=2'], '501 5.5.4 A parameter'],
  [['LOGIN', 'MAIL FROM:<> SIZE=x'], '501 5.5.4 SIZE must be'],
  [['LOGIN', 'MAIL FROM:<> SIZE=99999999'], '552 5.3.4 The message is too large'],
  [['LOGIN', 'MAIL FROM:<> BODY=x'], '501 5.5.4 BODY must be'],
  [['LOGIN', 'MAIL FROM:<> SMTPUTF8=x'], '501 5.5.4 SMTPUTF8 takes no'],
  [['LOGIN', 'MAIL FROM:<> RET=x'], '501 5.5.4 RET must be'],
  [['LOGIN', 'RCPT TO:<a@b.example>'], '503 5.5.1 Name the sender'],
  [['LOGIN', 'MAIL FROM:<>', 'MAIL FROM:<>'], '503 5.5.1 A message is being'],
  [['LOGIN', 'MAIL FROM:<>', 'RCPT TO:bob@example.com'], '501 5.1.3 The recipient is no valid'],
  [['LOGIN', 'MAIL FROM:<>', 'RCPT TO:<a@b.example> NOTIFY=x'], '501 5.5.4 NOTIFY must be'],
  [
    ['LOGIN', 'MAIL FROM:<>', 'RCPT TO:<a@b.example> NOTIFY=NEVER,DELAY'],
    '501 5.5.4 NOTIFY=NEVER stands alone',
  ],
  [['LOGIN', 'MAIL FROM:<>', 'RCPT TO:<a@b.example> ORCPT=x'], '501 5.5.4 ORCPT must be'],
])('%j is answered with %j', async (commands, answer) => {
  await using rig = await startRelay()
  await using dialogue = await rig.open()
  await dialogue.read()
  let text = ''
  for (const command of commands) {
    if (command === 'LOGIN') {
      await dialogue.command('EHLO client.test')
      await dialogue.command(`AUTH PLAIN ${plain('app', rig.secret)}`)
    } else text = (await dialogue.command(command)).text
  }
  expect(text.slice(0, answer.length)).toBe(answer)
  expect(text).toMatch(WORDS)
})

test('a second STARTTLS is told to go on', async () => {
  await using rig = await startRelay()
  await using dialogue = await rig.session({ tls: true })
  expect((await dialogue.command('STARTTLS')).text).toMatch(/^503 5\.5\.1 .*encrypted already/)
})
