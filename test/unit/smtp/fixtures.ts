import { systemClock } from '../../../src/platform/clock.ts'
import { Secret } from '../../../src/platform/secret.ts'
import { createTrust } from '../../../src/platform/trust.ts'
import { createCertificates } from '../../../src/sandbox/index.ts'
import { createSmtpClient, type SmtpClientDeps, type SmtpServer } from '../../../src/smtp/index.ts'
import { captureLog } from '../../support/log.ts'
import { type SmtpMove, startScriptedSmtp } from '../../support/scripted-smtp.ts'

export const certificates = await createCertificates({ clock: systemClock })
export const trust = createTrust({ extraCaPem: certificates.caPem })

export const TOKEN = `eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.${'QmVhcmVyVG9rZW4x'.repeat(100)}.c2lnbmF0dXJl`
export const PASSWORD = 'Correct-Horse-42'

export const xoauth2 = {
  type: 'xoauth2',
  username: 'alerts@contoso.com',
  token: new Secret(TOKEN),
} as const
export const login = {
  type: 'login',
  username: 'alerts@contoso.com',
  password: new Secret(PASSWORD),
} as const
export const nobody = { type: 'none' } as const

/** The blob of the XOAUTH2 vector above. */
export const BLOB = Buffer.from(`user=alerts@contoso.com\x01auth=Bearer ${TOKEN}\x01\x01`).toString(
  'base64',
)

/** A server that plays this to its first connection. */
export function play(...moves: SmtpMove[]) {
  return startScriptedSmtp({ scripts: [moves], certificates: certificates.server })
}

export function client(changes: Partial<SmtpClientDeps> = {}) {
  const capture = captureLog()
  const smtp = createSmtpClient({
    trust,
    clock: systemClock,
    log: capture.log,
    hostname: 'postern.contoso.com',
    timeouts: { connectMs: 10_000, greetingMs: 10_000, commandMs: 10_000, dataMs: 10_000 },
    ...changes,
  })
  return { ...smtp, lines: capture.lines }
}

export function at(port: number, security: SmtpServer['security'] = 'starttls'): SmtpServer {
  return { host: 'localhost', port, security }
}

export const MESSAGE = {
  from: 'alerts@contoso.com',
  to: ['it@contoso.com'],
  data: Buffer.from(
    'From: alerts@contoso.com\r\nMessage-ID: <m1@contoso.com>\r\nSubject: x\r\n\r\n.dot\r\nend\r\n',
  ),
}

export const MAIL = {
  from: { name: 'Process Alerts', address: 'alerts@contoso.com' },
  to: ['it@contoso.com'],
  subject: 'Grüße',
  text: 'Hello\n.dot',
  html: '<p>Hello</p>',
  messageId: '<m1@contoso.com>',
  date: globalThis.Date.parse('2026-11-23T10:00:00Z'),
}

const EHLO = /^EHLO postern\.contoso\.com$/

/** Parts of a dialogue with Exchange Online. */
export const GREETING: SmtpMove = { reply: '220 mx.example Microsoft ESMTP MAIL Service ready' }
export const HELLO: SmtpMove = {
  expect: EHLO,
  reply: '250-mx.example Hello\r\n250-SIZE 157286400\r\n250-PIPELINING\r\n250 STARTTLS',
}
export const STARTTLS: SmtpMove = { expect: /^STARTTLS$/, reply: '220 2.0.0 ready', next: 'tls' }
export const hello = (auth: string): SmtpMove => ({
  expect: EHLO,
  reply: `250-mx.example Hello\r\n250-SIZE 157286400\r\n250 ${auth}`,
})
export const TO_AUTH: SmtpMove[] = [GREETING, HELLO, STARTTLS, hello('AUTH LOGIN XOAUTH2')]
export const AUTH: SmtpMove[] = [
  { expect: /^AUTH XOAUTH2$/, reply: '334 ' },
  {
    expect: new RegExp(`^${BLOB.replace(/[+]/g, '\\+')}$`),
    reply: '235 2.7.0 Authentication successful',
  },
]
export const MAIL_FROM: SmtpMove = {
  expect: /^MAIL FROM:<alerts@contoso\.com>( SIZE=\d+)?$/,
  reply: '250 2.1.0 Sender OK',
}
export const RCPT: SmtpMove = {
  expect: /^RCPT TO:<it@contoso\.com>$/,
  reply: '250 2.1.5 Recipient OK',
}
export const DATA: SmtpMove = { expect: /^DATA$/, reply: '354 Start mail input' }
export const ACCEPTED =
  '250 2.0.0 OK <server-id@PROD.OUTLOOK.COM> [Hostname=SYBP282MB2635.AUSP282.PROD.OUTLOOK.COM]'
export const CONTENT: SmtpMove = { content: true, reply: ACCEPTED }
export const RSET: SmtpMove = { expect: /^RSET$/, reply: '250 2.0.0 Resetting' }
