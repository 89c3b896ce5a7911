import { systemClock } from '../../src/platform/clock.ts'
import { createCertificates } from '../../src/sandbox/certificates.ts'
import { startExchange } from '../../src/sandbox/exchange/index.ts'
import { INITIAL } from '../../src/sandbox/initial-state.ts'
import { createTenant, type Tenant } from '../../src/sandbox/tenant.ts'
import { createFakeClock, type FakeClock } from './clock.ts'
import { openSmtpDialogue, type SmtpDialogue, xoauth2 } from './smtp-dialogue.ts'

export const MAILBOX = INITIAL.mailbox
export const HOST_NAME = 'AM0PR06CA0126.eurprd06.prod.outlook.com'
export const FRONT_DOOR = 'AM0PR06CA0126.outlook.office365.com'
/** What a front door appends to its errors, by the fake clock's first instant. */
export const SUFFIX =
  / \[AM0PR06CA0126\.eurprd06\.prod\.outlook\.com \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z 08D[0-9A-F]{13}\]$/

export const MESSAGE = [
  `From: Process Alerts <${MAILBOX}>`,
  'To: <b@fabrikam.com>',
  'Subject: hello',
  'Message-ID: <one@contoso.com>',
  '',
  'Hello',
  '',
].join('\r\n')

/** A simulated Exchange Online on a free port, with a clock that only the test moves. */
export interface TestExchange extends AsyncDisposable {
  tenant: Tenant
  clock: FakeClock
  port: number
  caPem: string
  /** An app-only token as Entra issues it to the initial application; claims can be replaced. */
  token(claims?: Record<string, unknown>): Promise<string>
  /** A greeted connection. */
  dial(): Promise<SmtpDialogue>
  /** Greeted, encrypted, greeted again. */
  dialSecure(): Promise<SmtpDialogue>
  /** Signed in as the initial application for this mailbox. */
  dialSignedIn(mailbox?: string): Promise<SmtpDialogue>
}

const certificates = createCertificates({ clock: systemClock })

export async function startTestExchange(change: unknown = {}): Promise<TestExchange> {
  const clock = createFakeClock()
  const tenant = await createTenant({ clock })
  tenant.patch(change)
  const { caPem, server } = await certificates
  const exchange = await startExchange({
    tenant,
    host: '127.0.0.1',
    port: 0,
    certificates: server,
    hostName: HOST_NAME,
  })
  const dialogues: SmtpDialogue[] = []

  const harness: TestExchange = {
    tenant,
    clock,
    port: exchange.port,
    caPem,
    token(claims = {}) {
      const now = Math.floor(tenant.now() / 1000)
      return tenant.issueToken({
        aud: 'https://outlook.office365.com',
        iss: `https://sts.windows.net/${INITIAL.tenantId}/`,
        iat: now,
        exp: now + 3599,
        appid: INITIAL.clientId,
        tid: INITIAL.tenantId,
        oid: INITIAL.servicePrincipalObjectId,
        roles: ['SMTP.SendAsApp'],
        ...claims,
      })
    },
    async dial() {
      const dialogue = await openSmtpDialogue({ port: exchange.port })
      dialogues.push(dialogue)
      const greeting = await dialogue.read()
      if (greeting.code !== 220) throw new Error(greeting.text)
      return dialogue
    },
    async dialSecure() {
      const dialogue = await harness.dial()
      await dialogue.command('EHLO client.example')
      await dialogue.startTls()
      await dialogue.command('EHLO client.example')
      return dialogue
    },
    async dialSignedIn(mailbox = MAILBOX) {
      const dialogue = await harness.dialSecure()
      const blob = xoauth2(mailbox, await harness.token())
      const reply = await dialogue.command(`AUTH XOAUTH2 ${blob}`)
      if (reply.code !== 235) throw new Error(reply.text)
      return dialogue
    },
    async [Symbol.asyncDispose]() {
      for (const dialogue of dialogues) await dialogue[Symbol.asyncDispose]()
      await exchange[Symbol.asyncDispose]()
    },
  }
  return harness
}

/** MAIL, RCPT and DATA up to the 354. */
export async function openMessage(
  dialogue: SmtpDialogue,
  options: { from?: string; to?: string[] } = {},
): Promise<void> {
  await dialogue.command(`MAIL FROM:<${options.from ?? MAILBOX}>`)
  for (const to of options.to ?? ['b@fabrikam.com']) await dialogue.command(`RCPT TO:<${to}>`)
  const reply = await dialogue.command('DATA')
  if (reply.code !== 354) throw new Error(reply.text)
}

/** A whole message; the text of the last reply. */
export async function sendMessage(
  dialogue: SmtpDialogue,
  options: { from?: string; to?: string[]; message?: string } = {},
): Promise<string> {
  await openMessage(dialogue, options)
  return (await dialogue.content(options.message ?? MESSAGE)).text
}
