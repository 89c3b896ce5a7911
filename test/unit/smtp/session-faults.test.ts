import { describe, expect, test } from 'vitest'
import { createFakeClock } from '../../support/clock.ts'
import type { SmtpMove } from '../../support/scripted-smtp.ts'
import { ACCEPTED, AUTH, DATA, play, RCPT, TO_AUTH, xoauth2 } from './fixtures.ts'
import { BODY, greets, openSession, outgoing, startSink } from './session-bench.ts'

const MAIL: SmtpMove = { expect: /^MAIL FROM:/, reply: '250 2.1.0 ok' }
const CONTENT: SmtpMove = { content: true, reply: ACCEPTED }
const NO_PIPELINING = 'HELP'

/** A content whose reading may wait for something, or fail. */
async function* pieces(...parts: (string | (() => Promise<unknown>))[]) {
  for (const part of parts) {
    if (typeof part === 'string') yield Buffer.from(part)
    else await part()
  }
}

async function untilUnusable(session: { usable: boolean }) {
  while (session.usable) await new Promise((resolve) => setImmediate(resolve))
}

const BEFORE: [string, SmtpMove[], SmtpMove, boolean][] = [
  ['mail', [], { expect: /./ }, false],
  ['rcpt', [MAIL], { expect: /./ }, false],
  ['data', [MAIL, RCPT], { expect: /./ }, false],
  ['message', [MAIL, RCPT, DATA], { content: true }, true],
]

describe.each([
  ['pipelined', undefined],
  ['one command at a time', NO_PIPELINING],
])('a server, %s,', (_title, extensions) => {
  test.each(BEFORE)(
    'that drops the connection at the step %s gives no answer',
    async (step, moves, last, uncertain) => {
      for (const next of ['close', 'reset'] as const) {
        await using server = await play(...greets(extensions), ...moves, { ...last, next })
        const session = await openSession(server.port)
        // A reset takes with it what was said just before.
        const seen = step === 'data' && next === 'reset' ? expect.stringMatching(/rcpt|data/) : step
        expect(await session.send(outgoing())).toMatchObject({
          failure: {
            source: 'transport',
            peer: 'smtp',
            phase: 'closed',
            step: seen,
            port: server.port,
          },
          reply: null,
          uncertain,
        })
        expect(session.usable).toBe(false)
        await server.allClosed()
        // Asked again, it says so without an exception.
        expect(await session.send(outgoing())).toMatchObject({
          failure: { source: 'transport', phase: 'closed' },
          uncertain: false,
        })
      }
    },
  )

  test.each(BEFORE)(
    'that falls silent at the step %s is given up in time',
    async (step, moves, last, uncertain) => {
      const clock = createFakeClock()
      const long = 1e9
      const timeouts = {
        connectMs: long,
        greetingMs: long,
        commandMs: step === 'message' ? long : 2_000,
        dataMs: step === 'message' ? 2_000 : long,
      }
      await using server = await play(...greets(extensions), ...moves, { ...last, next: 'silent' })
      const session = await openSession(server.port, { deps: { clock, timeouts } })
      const sending = session.send(outgoing())
      await server.played
      let over = false
      const ended = sending.finally(() => {
        over = true
      })
      while (!over) await clock.advance(1_000)
      expect(await ended).toMatchObject({
        failure: { source: 'transport', phase: 'timeout', step, code: 'ETIMEDOUT' },
        uncertain,
      })
      expect(session.usable).toBe(false)
      await server.allClosed()
    },
  )

  test.each([
    ['an unknown code', '600 nope'],
    ['an informational code', '199 nope'],
    ['lines with different codes', '550-a\r\n551 b'],
    ['a line without end', `550 ${'x'.repeat(20_000)}`],
    ['lines without end', `${'550-x\r\n'.repeat(300)}550 x`],
  ])('that answers %s is one of transport', async (_title, reply) => {
    await using server = await play(...greets(extensions), { ...MAIL, reply, next: 'silent' })
    const session = await openSession(server.port)
    expect(await session.send(outgoing())).toMatchObject({
      failure: { source: 'transport', peer: 'smtp', phase: 'protocol', step: 'mail' },
      reply: null,
      uncertain: false,
    })
    expect(session.usable).toBe(false)
    await server.allClosed()
  })
})

describe('in the middle of a content', () => {
  test.each(['close', 'reset'] as const)('a %s leaves no doubt: not taken', async (next) => {
    const cut: SmtpMove = { anything: true, next }
    await using server = await play(...greets(), MAIL, RCPT, DATA, cut)
    const session = await openSession(server.port)
    const noticed = () => untilUnusable(session)
    const body = pieces('Subject: x\r\n', '\r\n', noticed, 'more\r\n', 'end\r\n')
    expect(await session.send(outgoing({ body, sizeBytes: 25 }))).toMatchObject({
      failure: { source: 'transport', phase: 'closed', step: 'message' },
      uncertain: false,
    })
    expect(session.usable).toBe(false)
  })

  test.each([
    ['552 5.3.4 too large', { source: 'smtp', step: 'message', code: 552 }],
    ['250 2.0.0 OK', { phase: 'protocol', step: 'message', code: 'REPLY_UNASKED' }],
  ])('“%s” said too early is not the answer to the message', async (reply, failure) => {
    const early: SmtpMove = { anything: true, reply, next: 'silent' }
    await using server = await play(...greets(), MAIL, RCPT, DATA, early)
    const session = await openSession(server.port)
    const heard = () => untilUnusable(session)
    const body = pieces('Subject: x\r\n', '\r\n', heard, 'more\r\n')
    expect(await session.send(outgoing({ body, sizeBytes: 20 }))).toMatchObject({
      failure,
      reply: null,
      uncertain: false,
    })
    await server.allClosed()
  })

  test('a bare line feed stops the message before the server can take it for two', async () => {
    await using sink = await startSink()
    const session = await openSession(sink.port)
    const body = pieces('Subject: x\r\n\r\n', 'a\r\n.\n', 'MAIL FROM:<x@y>\r\n')
    await expect(session.send(outgoing({ body, sizeBytes: 36 }))).rejects.toMatchObject({
      code: 'smtp_message_invalid',
    })
    expect(session.usable).toBe(false)
    expect(sink.contents).toEqual([])
  })

  test('a content that is cut short, or cannot be read on, is not delivered as if it were whole', async () => {
    await using sink = await startSink()
    const short = await openSession(sink.port)
    const promised = outgoing({ body: pieces('Subject: x\r\n\r\n', 'half\r\n'), sizeBytes: 1_000 })
    await expect(short.send(promised)).rejects.toMatchObject({ kind: 'internal' })
    const broken = await openSession(sink.port)
    const unreadable = pieces(
      'Subject: x\r\n\r\n',
      () => Promise.reject(new Error('disk')),
      'x\r\n',
    )
    const message = outgoing({ body: unreadable, sizeBytes: 17 })
    await expect(broken.send(message)).rejects.toThrow('disk')
    expect([short.usable, broken.usable]).toEqual([false, false])
    expect(sink.contents).toEqual([])
  })
})

test('a server that takes no more of a content is given up in time', async () => {
  const clock = createFakeClock()
  const long = 1e9
  const timeouts = { connectMs: long, greetingMs: long, commandMs: long, dataMs: 2_000 }
  await using sink = await startSink()
  sink.hold()
  const session = await openSession(sink.port, { deps: { clock, timeouts } })
  const body = Buffer.from(`Subject: x\r\n\r\n${'line\r\n'.repeat(5_000_000)}`)
  let over = false
  const sending = session.send(outgoing({ body })).finally(() => {
    over = true
  })
  while (sink.reads.length < 2) await new Promise((resolve) => setImmediate(resolve))
  while (!over) await clock.advance(500)
  expect(await sending).toMatchObject({
    failure: { source: 'transport', phase: 'timeout', step: 'message' },
    uncertain: false,
  })
  expect(session.usable).toBe(false)
})

describe('what must be on disk before the end', () => {
  test.each([
    ['a small content', BODY],
    ['a long content', Buffer.from(`Subject: x\r\n\r\n${'line\r\n'.repeat(100_000)}`)],
  ])('%s is not complete before it is there', async (_title, body) => {
    await using sink = await startSink()
    const session = await openSession(sink.port)
    const { promise: beforeEnd, resolve } = Promise.withResolvers<void>()
    let over = false
    const sending = session.send(outgoing({ body, beforeEnd })).finally(() => {
      over = true
    })
    while (sink.reads.length < 2) await new Promise((done) => setImmediate(done))
    for (let i = 0; i < 50; i++) await new Promise((done) => setImmediate(done))
    expect([over, sink.contents.length]).toEqual([false, 0])
    resolve()
    expect(await sending).toMatchObject({ failure: null })
    expect(sink.contents).toHaveLength(1)
    await session.quit()
  })

  test('and cannot be put there stops the message', async () => {
    await using sink = await startSink()
    const session = await openSession(sink.port)
    const beforeEnd = Promise.reject(new Error('disk full'))
    await expect(session.send(outgoing({ beforeEnd }))).rejects.toThrow('disk full')
    expect(session.usable).toBe(false)
    expect(sink.contents).toEqual([])
  })

  test('does not matter to a message that ends earlier, and is nobody’s unhandled rejection', async () => {
    await using server = await play(...greets('HELP'), {
      ...MAIL,
      reply: '421 bye',
      next: 'silent',
    })
    const session = await openSession(server.port)
    const beforeEnd = Promise.reject(new Error('disk full'))
    expect(await session.send(outgoing({ beforeEnd }))).toMatchObject({ failure: { code: 421 } })
    const again = Promise.reject(new Error('disk full'))
    expect(await session.send(outgoing({ beforeEnd: again }))).toMatchObject({ uncertain: false })
  })
})

describe('between messages', () => {
  test('a close is noticed', async () => {
    await using server = await play(...greets(), MAIL, RCPT, DATA, { ...CONTENT, next: 'close' })
    const session = await openSession(server.port)
    expect(await session.send(outgoing())).toMatchObject({ failure: null })
    await untilUnusable(session)
    expect(await session.send(outgoing())).toMatchObject({
      failure: { source: 'transport', phase: 'closed', step: 'mail' },
      uncertain: false,
    })
  })

  test.each([
    ['421 4.4.1 Connection timed out', { source: 'smtp', code: 421, enhancedCode: '4.4.1' }],
    ['250 hello', { source: 'transport' }],
    ['<html>', { source: 'transport', phase: 'protocol' }],
  ])('“%s” ends the session, and is the reason why nothing is sent', async (reply, failure) => {
    const raw = `${reply}\r\n`
    await using server = await play(...greets(), MAIL, RCPT, DATA, {
      ...CONTENT,
      raw,
      next: 'silent',
    })
    const session = await openSession(server.port)
    const first = await session.send(outgoing())
    // What came in one piece with the answer is seen after it, but for bytes that are no reply at all.
    if (reply !== '<html>') expect(first).toMatchObject({ failure: null })
    await untilUnusable(session)
    expect(await session.send(outgoing())).toMatchObject({ failure, uncertain: false })
    await server.allClosed()
  })
})

describe('the caller', () => {
  test('who gives up gets the reason, and the connection is closed', async () => {
    for (const [moves, last] of [
      [[], { expect: /./, next: 'silent' }],
      [[MAIL, RCPT, DATA], { content: true, next: 'silent' }],
    ] as const) {
      await using server = await play(...greets(), ...moves, last)
      const session = await openSession(server.port)
      const controller = new AbortController()
      const reason = new Error('shutting down')
      const { signal } = controller
      const rejected = expect(session.send(outgoing({ signal }))).rejects.toBe(reason)
      await server.played
      controller.abort(reason)
      await rejected
      expect(session.usable).toBe(false)
      await server.allClosed()
    }
  })

  test('who gives up while the disk is waited for, too', async () => {
    await using sink = await startSink()
    const session = await openSession(sink.port)
    const controller = new AbortController()
    const { signal } = controller
    const beforeEnd = new Promise<void>(() => {})
    const rejected = expect(session.send(outgoing({ signal, beforeEnd }))).rejects.toThrow('stop')
    while (sink.reads.length < 2) await new Promise((done) => setImmediate(done))
    controller.abort(new Error('stop'))
    await rejected
    expect(sink.contents).toEqual([])
  })

  test('sends one message at a time', async () => {
    await using sink = await startSink()
    const session = await openSession(sink.port)
    const first = session.send(outgoing())
    await expect(session.send(outgoing())).rejects.toThrow(TypeError)
    expect(await first).toMatchObject({ failure: null })
    await session.quit()
  })

  test('gets a goodbye that waits no longer than it must', async () => {
    const clock = createFakeClock()
    await using server = await play(...greets(), { expect: /^QUIT$/, next: 'silent' })
    const session = await openSession(server.port, { deps: { clock } })
    const leaving = session.quit()
    await server.played
    await clock.untilSleeping()
    await clock.advance(2_000)
    await leaving
    await server.allClosed()
  })
})

test('a token opens a session over STARTTLS for several messages', async () => {
  const dialogue = [MAIL, RCPT, DATA, CONTENT]
  await using server = await play(...TO_AUTH, ...AUTH, ...dialogue, ...dialogue)
  const session = await openSession(server.port, {
    security: 'starttls',
    authentication: xoauth2,
  })
  expect(session.server).toBe(`localhost:${server.port}`)
  for (const sent of [1, 2]) {
    expect(await session.send(outgoing())).toMatchObject({ failure: null, reply: ACCEPTED })
    expect(session.sent).toBe(sent)
  }
  await session.quit()
})
