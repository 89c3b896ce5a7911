import { afterAll, beforeAll, expect, it } from 'vitest'
import { base64, openSmtpDialogue, type SmtpDialogue } from '../support/smtp-dialogue.ts'
import { createCommands, type RecipeRig, SENDER, startRecipes } from './recipe-rig.ts'

let rig: RecipeRig
beforeAll(async () => {
  const printer = createCommands('printer')
  const withLogin = printer.map((command) => command.replace(/--address \S+/, ''))
  rig = await startRecipes([...printer, ...withLogin])
})
afterAll(() => rig[Symbol.asyncDispose]())

/** Every line and the code that answers it. */
async function talk(
  dialogue: SmtpDialogue,
  lines: readonly (readonly [line: string, code: number])[],
): Promise<void> {
  for (const [line, code] of lines) {
    const reply = await dialogue.command(line)
    expect(reply.code, `${line}: ${reply.text}`).toBe(code)
  }
}

const scan = (to: string, from: string | null) =>
  [
    ...(from === null ? [] : [`From: ${from}`]),
    `To: ${to}`,
    'Subject: Scan from 2nd floor',
    '',
    'See the attached file.',
    '.',
  ].join('\r\n')

it.each([
  { what: 'an address of its own', from: 'MFP-2@printer.local', replyTo: ['MFP-2@printer.local'] },
  { what: 'a name without an address', from: 'MFP-2', replyTo: [] },
  { what: 'no From at all', from: null, replyTo: [] },
])(
  'an old device scans to mail, without EHLO, Date and Message-ID, and with $what',
  async ({ what, from, replyTo }) => {
    const to = `scan-${what.replaceAll(/\W/g, '-')}@contoso.com`
    await using dialogue = await openSmtpDialogue({ port: rig.port })
    expect((await dialogue.read()).code).toBe(220)
    await talk(dialogue, [
      ['HELO MFP-2', 250],
      ['MAIL FROM: <mfp-2@printer.local>', 250],
      [`RCPT TO: <${to}>`, 250],
      ['DATA', 354],
      [scan(to, from), 250],
      ['QUIT', 221],
    ])
    const mail = await rig.mailTo(to)
    expect(mail.envelope).toEqual({ from: SENDER, to: [to] })
    expect(mail.way).toBe('SMTP')
    expect(mail.header('From')).toEqual([`"Process Alerts" <${SENDER}>`])
    expect(mail.header('Reply-To')).toEqual(replyTo)
    expect(mail.header('Date')).toHaveLength(1)
    expect(mail.header('Message-ID')).toEqual([expect.stringMatching(/^<\S+@contoso\.com>$/)])
    expect(mail.subject).toBe('Scan from 2nd floor')
    expect(mail.text).toBe('See the attached file.\r\n')
  },
)

it('a device with STARTTLS and AUTH LOGIN scans to mail', async () => {
  const to = 'scan-login@contoso.com'
  await using dialogue = await openSmtpDialogue({ port: rig.port })
  await dialogue.read()
  await dialogue.command('EHLO MFP-3')
  await dialogue.startTls({
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
    rejectUnauthorized: false,
  })
  await talk(dialogue, [
    ['EHLO MFP-3', 250],
    ['AUTH LOGIN', 334],
    [base64(rig.username), 334],
    [base64(rig.password), 235],
    [`MAIL FROM:<${SENDER}>`, 250],
    [`RCPT TO:<${to}>`, 250],
    ['DATA', 354],
    [scan(to, SENDER), 250],
    ['QUIT', 221],
  ])
  const mail = await rig.mailTo(to)
  expect(mail.envelope).toEqual({ from: SENDER, to: [to] })
  expect(mail.way).toBe('ESMTPSA')
  expect(mail.header('From')).toEqual([SENDER])
})

it('a device that ends its lines with LF alone reads why it is refused', async () => {
  const to = 'scan-lf@contoso.com'
  await using dialogue = await openSmtpDialogue({ port: rig.port })
  await dialogue.read()
  await talk(dialogue, [
    ['HELO MFP-4', 250],
    [`MAIL FROM:<${SENDER}>`, 250],
    [`RCPT TO:<${to}>`, 250],
    ['DATA', 354],
  ])
  const reply = await dialogue.command(scan(to, SENDER).replace('\r\n', '\n'))
  expect(reply.text).toMatch(/^550.5\.6\.11 /)
})
