import { describe, expect, test } from 'vitest'
import { PosternError } from '../../../src/platform/errors.ts'
import type { SmtpMove } from '../../support/scripted-smtp.ts'
import { ACCEPTED, DATA, play, RCPT, RSET } from './fixtures.ts'
import { BODY, greets, openSession, outgoing, startSink } from './session-bench.ts'

const MAIL: SmtpMove = { expect: /^MAIL FROM:<alerts@contoso\.com>$/, reply: '250 2.1.0 ok' }
const CONTENT: SmtpMove = { content: true, reply: ACCEPTED }
const rcpt = (address: string, reply = '250 2.1.5 ok'): SmtpMove => ({
  expect: new RegExp(`^RCPT TO:<${address}>$`),
  reply,
})
const NO_PIPELINING = '8BITMIME SMTPUTF8 DSN'
const TAKEN = {
  failure: null,
  reply: ACCEPTED,
  serverMessageId: '<server-id@PROD.OUTLOOK.COM>',
  uncertain: false,
}

describe.each([
  ['pipelined', undefined],
  ['one command at a time', NO_PIPELINING],
])('a message, %s,', (_title, extensions) => {
  const hello = greets(extensions)

  test('is taken over with one reply for each recipient, and the next goes over the same connection', async () => {
    const dialogue = [
      MAIL,
      rcpt('a@b.example', '251 will forward'),
      rcpt('c@d.example'),
      DATA,
      CONTENT,
    ]
    await using server = await play(...hello, ...dialogue, ...dialogue)
    const session = await openSession(server.port)
    for (const count of [1, 2]) {
      expect(await session.send(outgoing({ to: ['a@b.example', 'c@d.example'] }))).toEqual({
        ...TAKEN,
        recipients: [
          { failure: null, reply: '251 will forward' },
          { failure: null, reply: '250 2.1.5 ok' },
        ],
      })
      expect(session.sent).toBe(count)
      expect(session.usable).toBe(true)
    }
    expect(server.contents[1]).toBe('Subject: x\r\n\r\n..dot\r\nend')
    await session.quit()
    expect(server.lines[0]?.at(-1)).toBe('QUIT')
    await server.allClosed()
    expect(session.usable).toBe(false)
  })

  test('goes to the recipients that were accepted', async () => {
    const refused = '550 5.1.1 User unknown'
    await using server = await play(
      ...hello,
      MAIL,
      rcpt('a@b.example', refused),
      RCPT,
      DATA,
      CONTENT,
    )
    const session = await openSession(server.port)
    expect(await session.send(outgoing({ to: ['a@b.example', 'it@contoso.com'] }))).toMatchObject({
      ...TAKEN,
      recipients: [
        {
          failure: { source: 'smtp', step: 'rcpt', code: 550, enhancedCode: '5.1.1' },
          reply: refused,
        },
        { failure: null },
      ],
    })
    await session.quit()
  })

  test('that is refused after its end leaves the session usable', async () => {
    const refusal = '554 5.2.252 SendAsDenied'
    const end: SmtpMove = { content: true, reply: refusal }
    await using server = await play(
      ...hello,
      MAIL,
      RCPT,
      DATA,
      end,
      RSET,
      MAIL,
      RCPT,
      DATA,
      CONTENT,
    )
    const session = await openSession(server.port)
    expect(await session.send(outgoing())).toMatchObject({
      failure: { source: 'smtp', step: 'message', code: 554, text: refusal },
      recipients: [{ failure: null }],
      reply: refusal,
      serverMessageId: null,
      uncertain: false,
    })
    expect(session.usable).toBe(true)
    expect(session.sent).toBe(0)
    expect(await session.send(outgoing())).toMatchObject(TAKEN)
    await session.quit()
  })

  test('with DATA refused does not send its content', async () => {
    const data: SmtpMove = { ...DATA, reply: '451 4.7.0 later' }
    await using server = await play(...hello, MAIL, RCPT, data, RSET, MAIL, RCPT, DATA, CONTENT)
    const session = await openSession(server.port)
    expect(await session.send(outgoing())).toMatchObject({
      failure: { step: 'data', code: 451 },
      recipients: [{ failure: null, reply: '250 2.1.5 Recipient OK' }],
      reply: null,
      uncertain: false,
    })
    expect(await session.send(outgoing())).toMatchObject(TAKEN)
    await session.quit()
  })

  test.each(['mail', 'rcpt', 'data', 'message'] as const)(
    'answered with 421 at the step %s ends the session with that reply',
    async (step) => {
      const bye = '421 4.7.0 too fast'
      const moves: SmtpMove[] = [MAIL, RCPT, DATA, CONTENT]
      const at = ['mail', 'rcpt', 'data', 'message'].indexOf(step)
      const last: SmtpMove = { ...moves[at], reply: bye, next: 'silent' }
      await using server = await play(...hello, ...moves.slice(0, at), last)
      const session = await openSession(server.port)
      expect(await session.send(outgoing())).toMatchObject({
        failure: { source: 'smtp', step, code: 421, text: bye },
        recipients: [{ failure: null }],
        reply: step === 'message' ? bye : null,
        uncertain: false,
      })
      expect(session.usable).toBe(false)
      await server.allClosed()
    },
  )

  test('with a content that no recipient can get costs the session nothing', async () => {
    await using server = await play(...hello, MAIL, RCPT, DATA, CONTENT)
    const session = await openSession(server.port)
    for (const message of [
      outgoing({ body: Buffer.from('a\nb\r\n') }),
      outgoing({ body: Buffer.from('a\r') }),
      outgoing({ sizeBytes: BODY.length + 1 }),
      outgoing({ envid: 'x RET=FULL' }),
      outgoing({ recipients: [{ address: 'a@b.example', notify: 'NEVER\r\nDATA', orcpt: null }] }),
      outgoing({ recipients: [{ address: 'a@b.example', notify: null, orcpt: 'rfc822;a b' }] }),
      outgoing({ sender: 'a@b.example>\r\nRCPT TO:<c@d.example' }),
    ]) {
      await expect(session.send(message)).rejects.toBeInstanceOf(PosternError)
    }
    expect(await session.send(outgoing())).toMatchObject(TAKEN)
    await session.quit()
  })
})

describe('without pipelining', () => {
  test('a refused sender ends the dialogue at once', async () => {
    const mail: SmtpMove = { ...MAIL, reply: '530 5.7.57 not authenticated' }
    await using server = await play(...greets(NO_PIPELINING), mail, RSET, MAIL, RCPT, DATA, CONTENT)
    const session = await openSession(server.port)
    expect(await session.send(outgoing())).toMatchObject({ failure: { step: 'mail', code: 530 } })
    expect(await session.send(outgoing())).toMatchObject(TAKEN)
    await session.quit()
  })

  test('DATA is not said when every recipient was refused', async () => {
    const refused = rcpt('it@contoso\\.com', '550 5.1.1 unknown')
    await using server = await play(...greets(NO_PIPELINING), MAIL, refused, RSET)
    const session = await openSession(server.port)
    expect(await session.send(outgoing())).toMatchObject({
      failure: { step: 'rcpt', code: 550 },
      recipients: [{ failure: { step: 'rcpt', code: 550 } }],
    })
    await session.quit()
  })
})

describe('with pipelining', () => {
  test('the envelope goes out in one write, and a small content with its end in another', async () => {
    await using sink = await startSink()
    const session = await openSession(sink.port)
    await session.send(outgoing({ to: ['a@b.example', 'c@d.example'] }))
    expect(sink.reads.slice(1)).toEqual([
      `MAIL FROM:<alerts@contoso.com> SIZE=${BODY.length}\r\nRCPT TO:<a@b.example>\r\nRCPT TO:<c@d.example>\r\nDATA\r\n`,
    ])
    expect(session.sizeLimit).toBe(1_000)
    await session.quit()
  })

  test('500 recipients are answered each', async () => {
    await using sink = await startSink()
    const session = await openSession(sink.port)
    const to = Array.from({ length: 500 }, (_, i) => `r${i}@b.example`)
    const result = await session.send(outgoing({ to }))
    expect(result.recipients).toHaveLength(500)
    expect(result).toMatchObject({ failure: null })
    await session.quit()
  })

  test('a refused sender is the failure, and the replies behind it say nothing of the recipients', async () => {
    const mail: SmtpMove = { ...MAIL, reply: '530 5.7.57 not authenticated' }
    const bad = '503 5.5.1 bad sequence'
    const behind = [
      { ...RCPT, reply: bad },
      { ...DATA, reply: bad },
    ]
    await using server = await play(...greets(), mail, ...behind, RSET, MAIL, RCPT, DATA, CONTENT)
    const session = await openSession(server.port)
    expect(await session.send(outgoing())).toMatchObject({
      failure: { step: 'mail', code: 530 },
      recipients: [{ failure: null, reply: null }],
    })
    expect(await session.send(outgoing())).toMatchObject(TAKEN)
    await session.quit()
  })

  test.each(['554 5.5.1 no valid recipients', '250 2.0.0 OK <empty@mx>'])(
    'DATA allowed without a recipient is ended by a lone dot, and “%s” to it delivers nothing',
    async (reply) => {
      const refused = { ...RCPT, reply: '450 4.2.1 busy' }
      const dot: SmtpMove = { expect: /^\.$/, reply }
      await using server = await play(
        ...greets(),
        MAIL,
        refused,
        DATA,
        dot,
        MAIL,
        RCPT,
        DATA,
        CONTENT,
      )
      const session = await openSession(server.port)
      expect(await session.send(outgoing())).toMatchObject({
        failure: { step: 'rcpt', code: 450 },
        recipients: [{ failure: { code: 450 } }],
        reply: null,
        serverMessageId: null,
        uncertain: false,
      })
      expect(session.sent).toBe(0)
      expect(await session.send(outgoing())).toMatchObject(TAKEN)
      await session.quit()
    },
  )

  test('DATA allowed for recipients without a sender ends the connection: a dot might send them an empty message', async () => {
    const mail: SmtpMove = { ...MAIL, reply: '550 5.7.1 no' }
    await using server = await play(...greets(), mail, RCPT, DATA)
    const session = await openSession(server.port)
    expect(await session.send(outgoing())).toMatchObject({ failure: { step: 'mail', code: 550 } })
    expect(session.usable).toBe(false)
    await server.allClosed()
    expect(server.lines[0]?.at(-1)).toBe('DATA')
  })

  test('a reply too many is noticed before it can pass for the answer to the message', async () => {
    await using server = await play(...greets(), { ...MAIL, raw: '250 one more\r\n' }, RCPT, DATA)
    const session = await openSession(server.port)
    // MAIL 250, RCPT 250, DATA 250: nothing may be written now, because 354 is on its way.
    expect(await session.send(outgoing())).toMatchObject({
      failure: { step: 'data', code: 250 },
      uncertain: false,
    })
    expect(session.usable).toBe(false)
    await server.allClosed()
    expect(server.contents).toEqual([])
  })
})

describe('the envelope', () => {
  const wishes = outgoing({
    recipients: [
      { address: 'it@contoso.com', notify: 'FAILURE,DELAY', orcpt: 'rfc822;it@contoso.com' },
    ],
    ret: 'HDRS',
    envid: 'QQ314159',
    eightBit: true,
  })

  test('has the parameters that the server understands', async () => {
    await using server = await play(
      ...greets('PIPELINING SIZE 8BITMIME DSN'),
      {
        expect: /^MAIL FROM:<alerts@contoso\.com> SIZE=25 BODY=8BITMIME RET=HDRS ENVID=QQ314159$/,
        reply: '250 ok',
      },
      {
        expect: /^RCPT TO:<it@contoso\.com> NOTIFY=FAILURE,DELAY ORCPT=rfc822;it@contoso\.com$/,
        reply: '250 ok',
      },
      DATA,
      CONTENT,
    )
    const session = await openSession(server.port)
    expect(session.sizeLimit).toBeNull()
    expect(await session.send(wishes)).toMatchObject(TAKEN)
    await session.quit()
  })

  test('has none for a server that announced nothing, and 8-bit characters are sent all the same', async () => {
    await using server = await play(...greets('HELP'), MAIL, RCPT, DATA, CONTENT)
    const session = await openSession(server.port)
    const body = Buffer.from('Subject: x\r\n\r\nGrüße\r\n')
    const message = { ...wishes, body, sizeBytes: body.length }
    expect(await session.send(message)).toMatchObject(TAKEN)
    expect(Buffer.from(server.contents[0] ?? '', 'latin1').toString()).toContain('Grüße')
    await session.quit()
  })

  test('may have the null sender', async () => {
    const mail: SmtpMove = { expect: /^MAIL FROM:<>$/, reply: '250 ok' }
    await using server = await play(...greets(), mail, RCPT, DATA, CONTENT)
    const session = await openSession(server.port)
    expect(await session.send(outgoing({ sender: '' }))).toMatchObject(TAKEN)
    await session.quit()
  })

  test('is UTF-8 where message and server say so', async () => {
    await using server = await play(
      ...greets(),
      {
        expect: /^MAIL FROM:<j\u00c3\u00bcrgen@b\u00c3\u00bccher\.example> SMTPUTF8$/,
        reply: '250 ok',
      },
      { expect: /^RCPT TO:<it@contoso\.com>$/, reply: '250 ok' },
      DATA,
      CONTENT,
    )
    const session = await openSession(server.port)
    const message = outgoing({ sender: 'jürgen@bücher.example', smtpUtf8: true })
    expect(await session.send(message)).toMatchObject(TAKEN)
    await session.quit()
  })

  const OWN_END = { source: 'smtp', code: 550, enhancedCode: '5.6.7', host: 'localhost' }

  test('that needs SMTPUTF8 where it is not offered is the end of the message, and the server is not asked', async () => {
    await using server = await play(...greets('PIPELINING'))
    const session = await openSession(server.port)
    for (const message of [
      outgoing({ smtpUtf8: true }),
      outgoing({ sender: 'jürgen@contoso.com' }),
      outgoing({ to: ['jürgen@contoso.com'] }),
    ]) {
      const result = await session.send(message)
      expect(result).toMatchObject({ failure: OWN_END, reply: null, uncertain: false })
    }
    expect(session.usable).toBe(true)
    await session.quit()
  })

  test('with one recipient of such a kind goes to the others; a domain alone goes as A-labels', async () => {
    await using server = await play(
      ...greets(),
      MAIL,
      rcpt('it@xn--bcher-kva\\.example'),
      DATA,
      CONTENT,
    )
    const session = await openSession(server.port)
    const to = ['jürgen@contoso.com', 'it@bücher.example']
    expect(await session.send(outgoing({ to }))).toMatchObject({
      ...TAKEN,
      recipients: [{ failure: { ...OWN_END, step: 'rcpt' }, reply: null }, { failure: null }],
    })
    await session.quit()
  })
})
