import { expect, test } from 'vitest'
import { type SmtpMove, startScriptedSmtp } from '../../support/scripted-smtp.ts'
import { ACCEPTED, CONTENT, DATA, RCPT } from './fixtures.ts'
import { greets, openSession, outgoing } from './session-bench.ts'

const play = (...moves: SmtpMove[]) => startScriptedSmtp({ scripts: [moves] })
const MAIL: SmtpMove = { expect: /^MAIL FROM:<alerts@contoso\.com>( SMTPUTF8)?$/, reply: '250 ok' }
const TAKEN = { failure: null, reply: ACCEPTED, uncertain: false }

const IMPOSSIBLE = [
  'u@a\u202eb.com',
  'u@a\u200db.com',
  'u@a\u05d0b.com',
  'u@b.example>\r\nRCPT TO:<c@d.example',
]
const OWN_WORD = {
  failure: { source: 'smtp', step: 'rcpt', code: 553, enhancedCode: '5.1.3', host: 'localhost' },
  reply: null,
}

test.each([true, false])(
  'an envelope with an address that cannot exist goes to the others (SMTPUTF8: %s)',
  async (smtpUtf8) => {
    await using server = await play(...greets(), MAIL, RCPT, DATA, CONTENT)
    const session = await openSession(server.port)
    const to = [...IMPOSSIBLE, 'it@contoso.com']
    expect(await session.send(outgoing({ to, smtpUtf8 }))).toMatchObject({
      ...TAKEN,
      recipients: [...IMPOSSIBLE.map(() => OWN_WORD), { failure: null }],
    })
    await session.quit()
  },
)

test('an envelope with no other address is the end of the message, and the server is not asked', async () => {
  await using server = await play(...greets(), MAIL, RCPT, DATA, CONTENT)
  const session = await openSession(server.port)
  expect(await session.send(outgoing({ to: IMPOSSIBLE }))).toMatchObject({
    recipients: IMPOSSIBLE.map(() => OWN_WORD),
    failure: OWN_WORD.failure,
    reply: null,
    uncertain: false,
  })
  expect(await session.send(outgoing())).toMatchObject(TAKEN)
  await session.quit()
})
