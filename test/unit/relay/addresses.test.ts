import { expect, test } from 'vitest'
import { mail, startRelay } from './harness.ts'

const utf8 = (line: string) => Buffer.from(line).toString('latin1')

const IMPOSSIBLE_DOMAINS = [
  'a\u202eb.com',
  'a\u200db.com',
  'a\u05d0b.com',
  '\ue000.com',
  'a\uff05b.com',
  'a\u00a0b.com',
]

test.each(IMPOSSIBLE_DOMAINS)(
  'a recipient whose domain %j cannot exist is refused alone',
  async (domain) => {
    await using rig = await startRelay()
    await using dialogue = await rig.session()
    await dialogue.command('MAIL FROM:<alerts@contoso.com> SMTPUTF8')
    const refused = await dialogue.command(utf8(`RCPT TO:<bob@${domain}>`))
    expect(refused.text).toMatch(/^553 5\.1\.3 The recipient .* application\.$/)
    expect((await dialogue.command(utf8('RCPT TO:<bob@bücher.example>'))).code).toBe(250)
    await dialogue.command('DATA')
    expect((await dialogue.content(mail())).code).toBe(250)
    const { draft } = await rig.outbox.message()
    expect(draft.envelope.recipients.map(({ address }) => address)).toEqual(['bob@bücher.example'])
  },
)

test.each(IMPOSSIBLE_DOMAINS)(
  'a sender whose domain %j cannot exist is refused',
  async (domain) => {
    await using rig = await startRelay({ client: { fromPolicy: 'keep' } })
    await using dialogue = await rig.session()
    const refused = await dialogue.command(utf8(`MAIL FROM:<bob@${domain}> SMTPUTF8`))
    expect(refused.text).toMatch(/^553 5\.1\.7 The sender .* application/)
  },
)

// Of hosts without a proper name, of firmware, and of subscribers of NTT docomo.
const UNUSUAL = [
  'root@web_1',
  'user.@ilo.example.com',
  'a..b@docomo.ne.jp',
  'root@host.',
  'scanner@MFP',
  '"John Doe"@example.com',
  'x@[192.0.2.1]',
  'CONTOSO\\scanner@contoso.com',
  'o"brien@contoso.com',
]

test.each(UNUSUAL)(
  '%s is taken as a sender, and gives way where From is rewritten',
  async (address) => {
    await using rig = await startRelay({ client: { fromPolicy: 'rewrite' } })
    await using dialogue = await rig.session()
    expect((await dialogue.command(`MAIL FROM:<${address}> SIZE=9`)).text).toMatch(/^250 2\.1\.0 /)
    await dialogue.command('RCPT TO:<bob@example.com>')
    await dialogue.command('DATA')
    expect((await dialogue.content(mail())).code).toBe(250)
    expect((await rig.outbox.message()).draft.envelope.sender).toBe('alerts@contoso.com')
  },
)

test.each(UNUSUAL)(
  '%s is taken as it stands, as a sender that is kept and as a recipient',
  async (address) => {
    await using rig = await startRelay({ client: { fromPolicy: 'keep' } })
    await using dialogue = await rig.session()
    expect((await dialogue.command(`MAIL FROM:<${address}>`)).text).toMatch(/^250 2\.1\.0 /)
    const recipient = await dialogue.command(`RCPT TO:<@relay.test:${address}> NOTIFY=NEVER`)
    expect(recipient.text).toMatch(/^250 2\.1\.5 /)
    await dialogue.command('DATA')
    expect((await dialogue.content(mail())).code).toBe(250)
    expect((await rig.outbox.message()).draft.envelope).toMatchObject({
      sender: address,
      recipients: [{ address, notify: 'NEVER', orcpt: null }],
    })
  },
)

const HOSTILE = [
  'a b@contoso.com',
  'a\tb@contoso.com',
  '"a\tb"@contoso.com',
  '"a" b@contoso.com',
  '"a\\"@contoso.com',
  'a@contoso.com SIZE=1',
  'a@con toso.com',
  'a@contoso.com\u00a0SIZE=1',
  'a\u2028b@contoso.com',
  'a\u0085b@contoso.com',
  'a\u200bb@contoso.com',
  'a@b@contoso.com',
  '"a@b"@contoso.com',
  '@contoso.com',
  'a@',
  '@',
  'a@[192.0.2.1] SIZE=1',
  'a@contoso.com;b@contoso.com',
  `${'a'.repeat(243)}@contoso.com`,
]

test.each(HOSTILE)(
  '%j is no address: refused as a recipient, and as a sender that is kept',
  async (address) => {
    await using rig = await startRelay({ client: { fromPolicy: 'keep' } })
    await using dialogue = await rig.session()
    const sender = await dialogue.command(utf8(`MAIL FROM:<${address}> SMTPUTF8`))
    expect(sender.text).toMatch(/^553 5\.1\.7 The sender /)
    await dialogue.command('MAIL FROM:<alerts@contoso.com> SMTPUTF8')
    const recipient = await dialogue.command(utf8(`RCPT TO:<${address}>`))
    expect(recipient.text).toMatch(/^553 5\.1\.3 The recipient /)
    expect((await dialogue.command('DATA')).code).toBe(503)
  },
)

test.each(HOSTILE)(
  '%j never travels, not even where its domain is allowed and From is repaired',
  async (address) => {
    const client = { repair: { brokenFrom: true }, bounces: true, allowedFrom: ['@contoso.com'] }
    await using rig = await startRelay({ client: { fromPolicy: 'rewrite', ...client } })
    await using dialogue = await rig.session()
    expect((await dialogue.command(utf8(`MAIL FROM:<${address}> SMTPUTF8`))).code).toBe(250)
    await dialogue.command('RCPT TO:<bob@example.com>')
    await dialogue.command('DATA')
    expect((await dialogue.content(mail())).code).toBe(250)
    const { draft } = await rig.outbox.message()
    expect([draft.envelope.sender, draft.bounceTo]).toEqual(['alerts@contoso.com', null])
  },
)

test.each([
  'MAIL FROM:<a@contoso.com>SIZE=1',
  'MAIL FROM:<a@contoso.com> <b@contoso.com>',
  'MAIL FROM:<"a>b"@contoso.com>',
  'MAIL FROM:<"a<b"@contoso.com>',
  'MAIL FROM:<<a@contoso.com>>',
  'MAIL FROM:<a@contoso.com> BODY=8BITMIME>',
  'MAIL FROM:<a@contoso.com> ENVID=a+0D+0Ab',
])('%s does not get through', async (command) => {
  await using rig = await startRelay({
    client: { fromPolicy: 'rewrite', repair: { brokenFrom: true } },
  })
  await using dialogue = await rig.session()
  expect((await dialogue.command(command)).text).toMatch(/^5\d\d 5\.[15]\.\d /)
  expect((await dialogue.command('RCPT TO:<bob@example.com>')).text).toMatch(/^503 5\.5\.1 /)
})

test.each([
  [' ', ' '],
  ['\t', '\t'],
  ['\u00a0', '\u2028'],
])('blanks where none belong, which old devices send, change nothing: %j', async (colon, tail) => {
  await using rig = await startRelay()
  await using dialogue = await rig.session()
  const from = await dialogue.command(utf8(`MAIL FROM${colon}:<alerts@contoso.com>${tail}SIZE=9`))
  expect(from.text).toMatch(/^250 2\.1\.0 /)
  const to = await dialogue.command(utf8(`RCPT TO${colon}: <bob@example.com>`))
  expect(to.text).toMatch(/^250 2\.1\.5 /)
  await dialogue.command('DATA')
  expect((await dialogue.content(mail())).code).toBe(250)
  const { draft } = await rig.outbox.message()
  expect(draft.envelope).toMatchObject({
    sender: 'alerts@contoso.com',
    recipients: [{ address: 'bob@example.com' }],
  })
})
