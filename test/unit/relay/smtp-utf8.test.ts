import { expect, it } from 'vitest'
import { startRelay } from './harness.ts'

const HEAD = ['To: bob@example.com', 'Subject: Test', '', 'Bärbel', '.'].join('\r\n')

it.each([
  { what: 'an ASCII header and ASCII addresses', head: '', to: 'bob@example.com', needed: false },
  { what: 'a header in UTF-8', head: 'X-Name: Bärbel\r\n', to: 'bob@example.com', needed: true },
  { what: 'a domain in UTF-8', head: '', to: 'bob@bücher.example', needed: false },
  { what: 'a recipient in UTF-8', head: '', to: 'bärbel@example.com', needed: true },
])('passes SMTPUTF8 on where it is needed: $what', async ({ head, to, needed }) => {
  await using rig = await startRelay()
  await using dialogue = await rig.session()
  const utf8 = (line: string) => dialogue.command(Buffer.from(line).toString('latin1'))
  // As Go's net/smtp says it of every message.
  await dialogue.command('MAIL FROM:<alerts@contoso.com> BODY=8BITMIME SMTPUTF8')
  expect((await utf8(`RCPT TO:<${to}>`)).code).toBe(250)
  await dialogue.command('DATA')
  expect((await utf8(`From: alerts@contoso.com\r\n${head}${HEAD}`)).code).toBe(250)
  const { draft } = await rig.outbox.message()
  expect(draft.envelope.smtpUtf8).toBe(needed)
})
