import { hostname } from 'node:os'
import { describe, expect, it } from 'vitest'
import { handOver } from '../../../src/cli/sendmail/hand-over.ts'
import { type SmtpMove, startScriptedSmtp } from '../../support/scripted-smtp.ts'
import { startRelay } from '../relay/harness.ts'
import { DATA } from '../smtp/fixtures.ts'
import { BODY, greets, openSession, outgoing } from '../smtp/session-bench.ts'
import { createSendmailBench, type SendmailBench } from './sendmail-bench.ts'

const MAIL = 'Subject: x\n\nhi\n'
const TO = ['a@x.com', 'b@x.com', 'c@x.com', 'd@x.com', 'e@x.com']
const client = { authentication: 'address' as const, addresses: ['127.0.0.1'] }

/** Without a data folder, to the relay at this port. */
const run = (bench: SendmailBench, port: number, args: readonly string[]) =>
  bench.run(['sendmail', ...args], MAIL, {
    POSTERN_DATA_DIR: '/nonexistent',
    POSTERN_RELAY_PORT: String(port),
  })

describe('To the relay, a message', () => {
  it.each([3, 2, 1])(
    'for more recipients than one of %i goes in as many as it takes, with one Message-ID',
    async (maxRecipients) => {
      await using bench = await createSendmailBench()
      await using relay = await startRelay({ client: { ...client, maxRecipients } })
      const end = await run(bench, relay.port, ['-f', 'alerts@contoso.com', ...TO])
      expect(end).toEqual({ code: 0, stdout: '', stderr: '' })
      const { messages } = relay.outbox
      const stored = messages.map(({ draft }) => draft.envelope.recipients.map((r) => r.address))
      expect(stored.flat()).toEqual(TO)
      expect(stored).toHaveLength(Math.ceil(TO.length / maxRecipients))
      expect(new Set(messages.map(({ draft }) => draft.messageId)).size).toBe(1)
    },
  )

  it('for a recipient whose address alone needs it asks for SMTPUTF8', async () => {
    await using bench = await createSendmailBench()
    await using relay = await startRelay({ client })
    const end = await run(bench, relay.port, ['-f', 'alerts@contoso.com', 'jörg@x.com'])
    expect(end).toEqual({ code: 0, stdout: '', stderr: '' })
    expect((await relay.outbox.message()).draft.envelope).toMatchObject({
      recipients: [{ address: 'jörg@x.com' }],
      smtpUtf8: true,
    })
  })

  it('of a user of this machine has the host’s name wherever he is named', async () => {
    await using bench = await createSendmailBench()
    await using relay = await startRelay({
      client: { ...client, allowedFrom: [`root@${hostname()}.example`], fromPolicy: 'keep' },
    })
    expect((await run(bench, relay.port, ['-f', 'root', 'a@x.com'])).code).toBe(0)
    const { draft, body } = await relay.outbox.message()
    expect(draft.envelope.sender).toBe(`root@${hostname()}`)
    const root = `<root@${hostname()}>`
    expect(body.match(/^From: .*/gm)).toEqual([expect.stringContaining(root)])
    expect(body).toMatch(new RegExp(`^Message-ID: <[^@]+@${hostname()}>\r$`, 'm'))
  })
})

describe('Once the relay has the message for some', () => {
  const OK = '250 2.0.0 ok'
  const MANY = '452 4.5.3 Too many recipients'
  const from: SmtpMove = { expect: /^MAIL FROM:<alerts@contoso\.com>$/, reply: OK }
  const rcpt = (address: string, reply = OK): SmtpMove => ({
    expect: new RegExp(`^RCPT TO:<${address}>$`),
    reply,
  })
  const content: SmtpMove = { content: true, reply: OK }
  const rset: SmtpMove = { expect: /^RSET$/, reply: OK }
  const quit: SmtpMove = { expect: /^QUIT$/, reply: '221 bye', next: 'close' }

  async function answered(...moves: SmtpMove[]) {
    await using bench = await createSendmailBench()
    await using server = await startScriptedSmtp({ scripts: [[...greets(), ...moves]] })
    const end = await run(bench, server.port, ['-f', 'alerts@contoso.com', ...TO.slice(0, 3)])
    await server.allClosed()
    return { ...end, contents: [...server.contents] }
  }

  it.each([
    ['for good', '550 5.1.1 nobody here'],
    ['for the moment', '451 4.7.1 greylisted'],
  ])(
    'a refusal of others %s names them alone, and is no reason to send it to all',
    async (_title, reply) => {
      const { code, stderr } = await answered(
        from,
        rcpt('a@x\\.com'),
        rcpt('b@x\\.com', reply),
        rcpt('c@x\\.com', MANY),
        DATA,
        content,
        from,
        rcpt('c@x\\.com', reply),
        { ...DATA, reply: '503 5.5.1 no recipients' },
        rset,
        quit,
      )
      expect(code).toBe(67)
      expect(stderr).toMatch(/^sendmail: the relay \S+ accepted the message for 1 of 3 recipients/)
      expect(stderr).toContain(`b@x.com, c@x.com (${reply})`)
      expect(stderr).not.toMatch(/a@x\.com|data folder/)
      expect(stderr.split('\n')).toHaveLength(2)
    },
  )

  it('the others hear what ended the connection', async () => {
    const bye = '421 4.3.2 closing'
    const { code, stderr, contents } = await answered(
      from,
      rcpt('a@x\\.com'),
      rcpt('b@x\\.com', MANY),
      rcpt('c@x\\.com', MANY),
      DATA,
      content,
      { ...from, reply: bye, next: 'close' },
    )
    expect([code, contents.length]).toEqual([67, 1])
    expect(stderr).toContain(`b@x.com, c@x.com (${bye})`)
  })

  it('the others may have it, too, where its last word did not come', async () => {
    const { code, stderr } = await answered(
      from,
      rcpt('a@x\\.com'),
      rcpt('b@x\\.com', MANY),
      rcpt('c@x\\.com', MANY),
      DATA,
      content,
      from,
      rcpt('b@x\\.com'),
      rcpt('c@x\\.com', '550 5.1.1 nobody here'),
      DATA,
      { content: true, next: 'close' },
    )
    expect(code).toBe(67)
    expect(stderr).toMatch(
      /accepted the message for 1 of 3 recipients, who get it, but not for c@x\.com \(550 5\.1\.1 nobody here\)\. .* these alone\. It did not say whether it took the message for b@x\.com \(.*closed.*\)\. Ask there /,
    )
  })

  it('the others hear that the command was stopped', async () => {
    await using server = await startScriptedSmtp({
      scripts: [
        [
          ...greets(),
          from,
          rcpt('a@x\\.com'),
          rcpt('b@x\\.com', MANY),
          DATA,
          content,
          { expect: /^MAIL /, next: 'silent' },
        ],
      ],
    })
    const session = await openSession(server.port)
    const stop = new AbortController()
    const handed = handOver(session, {
      ...outgoing({ to: TO.slice(0, 2), body: BODY, signal: stop.signal }),
      body: BODY,
    })
    await server.played
    stop.abort(new Error('stopped by SIGTERM'))
    expect(await handed).toEqual({
      failure: null,
      isUncertain: false,
      missed: [{ address: 'b@x.com', words: 'stopped by SIGTERM', isUncertain: true }],
    })
  })

  it('nothing is left to do when the next transactions take the rest', async () => {
    const { code, stderr, contents } = await answered(
      from,
      rcpt('a@x\\.com'),
      rcpt('b@x\\.com', MANY),
      rcpt('c@x\\.com', MANY),
      DATA,
      content,
      from,
      rcpt('b@x\\.com'),
      rcpt('c@x\\.com', MANY),
      DATA,
      content,
      from,
      rcpt('c@x\\.com'),
      DATA,
      content,
      quit,
    )
    expect([code, stderr]).toEqual([0, ''])
    expect(new Set(contents).size).toBe(1)
    expect(contents).toHaveLength(3)
  })
})

it('A message that the relay has for nobody is refused as before, to be sent again', async () => {
  await using bench = await createSendmailBench()
  const later = '451 4.3.0 later'
  await using server = await startScriptedSmtp({
    scripts: [
      [
        ...greets(),
        { expect: /^MAIL /, reply: '250 ok' },
        { expect: /^RCPT TO:<a@/, reply: '550 5.1.1 nobody here' },
        { expect: /^RCPT TO:<b@/, reply: '250 ok' },
        DATA,
        { content: true, reply: later },
        { expect: /^RSET$/, reply: '250 ok' },
        { expect: /^QUIT$/, reply: '221 bye', next: 'close' },
      ],
    ],
  })
  const end = await run(bench, server.port, TO.slice(0, 2))
  expect(end.code).toBe(75)
  expect(end.stderr).toContain(later)
  await server.allClosed()
})

it('A relay that goes away behind the message has not refused it', async () => {
  await using bench = await createSendmailBench()
  const anything: SmtpMove = { expect: /./, reply: '250 2.0.0 ok' }
  const moves = [...greets(), anything, anything, DATA, { content: true, next: 'close' } as const]
  await using server = await startScriptedSmtp({ scripts: [moves] })
  const { code, stderr } = await run(bench, server.port, ['-f', 'alerts@contoso.com', 'a@x.com'])
  expect(code).toBe(75)
  expect(stderr).toMatch(/did not say whether it took the message: .* may send it twice\.$/m)
  expect(stderr).not.toContain('refused')
})
