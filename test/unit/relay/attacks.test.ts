import { once } from 'node:events'
import { expect, test } from 'vitest'
import type { SmtpDialogue } from '../../support/smtp-dialogue.ts'
import { createFakeOutbox } from './fake-outbox.ts'
import { envelope, MEBIBYTE, mail, plain, startRelay } from './harness.ts'
import { watchConnections } from './watch-connections.ts'

async function readAll(dialogue: SmtpDialogue): Promise<number[]> {
  const codes: number[] = []
  for (;;) {
    try {
      codes.push((await dialogue.read()).code)
    } catch {
      return codes
    }
  }
}

const SMUGGLED =
  'MAIL FROM:<alerts@contoso.com>\r\nRCPT TO:<victim@example.com>\r\nDATA\r\nFrom: x\r\n\r\n'

test.each([
  '\n.\n',
  '\n.\r\n',
  '\r\n.\n',
  '\r.\r',
  '\r\n.\r',
  '\r.\r\n',
  '\n\n.\r\n',
  '\r\r\n.\r\r\n',
  '\0\r\n.\0\r\n',
])('%j ends no message: what follows is no command, and the message is refused', async (end) => {
  await using rig = await startRelay()
  await using dialogue = await rig.session()
  await envelope(dialogue)
  dialogue.write(`${mail()}${end}${SMUGGLED}smuggled\r\n.\r\n`)
  expect((await dialogue.read()).text).toMatch(/^550 5\.6\.11 /)
  expect((await dialogue.command('NOOP')).code).toBe(250)
  dialogue.write('QUIT\r\n')
  expect(await readAll(dialogue)).toEqual([221])
  expect(rig.outbox.messages).toEqual([])
})

test('a CR in the middle of a header is refused, so it never becomes a line end further on', async () => {
  await using rig = await startRelay()
  await using dialogue = await rig.session()
  await envelope(dialogue)
  const reply = await dialogue.content(
    'From: alerts@contoso.com\r\nX: a\rBcc: b@example.com\r\n\r\nHi',
  )
  expect(reply.text).toMatch(/^550 5\.6\.11 /)
})

test('a final dot cut into single bytes is the same as one in one piece', async () => {
  await using rig = await startRelay()
  await using dialogue = await rig.session()
  dialogue.socket.setNoDelay(true)
  await envelope(dialogue)
  for (const byte of `${mail(['..'])}\r\n.\r\n`) {
    dialogue.write(byte)
    await new Promise((resolve) => setImmediate(resolve))
  }
  expect((await dialogue.read()).code).toBe(250)
  expect((await rig.outbox.message()).body).toContain(`${mail(['.'])}\r\n`)
})

test('what is sent behind STARTTLS in clear text is thrown away', async () => {
  await using rig = await startRelay()
  await using dialogue = await rig.open()
  await dialogue.read()
  await dialogue.command('EHLO client.test')
  dialogue.write(
    `STARTTLS\r\nEHLO injected.test\r\nAUTH PLAIN ${plain('app', rig.secret)}\r\nMAIL FROM:<alerts@contoso.com>\r\n`,
  )
  expect((await dialogue.read()).code).toBe(220)
  await dialogue.upgrade()
  expect((await dialogue.command('MAIL FROM:<alerts@contoso.com>')).text).toMatch(/^503 /)
  await dialogue.command('EHLO client.test')
  expect((await dialogue.command('MAIL FROM:<alerts@contoso.com>')).text).toMatch(/^530 5\.7\.0 /)
})

test('a login in clear text does not count after STARTTLS', async () => {
  await using rig = await startRelay()
  await using dialogue = await rig.session()
  await dialogue.startTls()
  await dialogue.command('EHLO client.test')
  expect((await dialogue.command('MAIL FROM:<alerts@contoso.com>')).text).toMatch(/^530 5\.7\.0 /)
})

test('garbage instead of a TLS handshake ends the connection and nothing else', async () => {
  await using rig = await startRelay()
  await using dialogue = await rig.open()
  await dialogue.read()
  await dialogue.command('EHLO client.test')
  await dialogue.command('STARTTLS')
  dialogue.write('MAIL FROM:<alerts@contoso.com>\r\n')
  await dialogue.closed
  await using other = await rig.session()
  expect((await other.command('NOOP')).code).toBe(250)
})

test('a handshake that never comes is ended with its connection', async () => {
  await using rig = await startRelay()
  await using dialogue = await rig.open()
  await dialogue.read()
  await dialogue.command('EHLO client.test')
  await dialogue.command('STARTTLS')
  await rig.clock.advance(61_000)
  await dialogue.closed
})

test('an endless command line ends the connection', async () => {
  await using rig = await startRelay()
  await using dialogue = await rig.session()
  dialogue.write('NOOP '.repeat(10_000))
  expect((await dialogue.read()).text).toMatch(/^421 4\.5\.2 /)
  await dialogue.closed
})

test('an endless header section is refused and not kept', async () => {
  await using rig = await startRelay()
  await using dialogue = await rig.session()
  await envelope(dialogue)
  const reply = await dialogue.content(`X: ${'x'.repeat(2 * MEBIBYTE)}\r\n\r\nHello`)
  expect(reply.text).toMatch(/^552 5\.3\.4 .*first empty line/)
  expect(rig.outbox.pending).toBe(0)
})

test('a body of one endless line passes', async () => {
  await using rig = await startRelay()
  await using dialogue = await rig.session()
  await envelope(dialogue)
  expect((await dialogue.content(mail(['x'.repeat(MEBIBYTE)]))).code).toBe(250)
})

test('who goes on and on with a message that is refused is cut off', async () => {
  await using rig = await startRelay({
    config: { maxMessageBytes: 10_000 },
    outbox: createFakeOutbox({ keepsBodies: false }),
  })
  await using dialogue = await rig.session()
  await envelope(dialogue)
  const flood = Buffer.alloc(MEBIBYTE, 'x\r\n')
  const pour = () => {
    while (dialogue.socket.writable && dialogue.socket.write(flood)) {}
  }
  dialogue.socket.on('drain', pour)
  pour()
  expect((await dialogue.read()).text).toMatch(/^552 5\.3\.4 /)
  expect((await dialogue.read()).text).toMatch(/^421 4\.3\.4 /)
  await dialogue.closed
  expect(rig.outbox.messages).toEqual([])
  expect(rig.outbox.pending).toBe(0)
})

test('a message of nothing but dots costs no more than others, and nobody waits for it', async () => {
  const outbox = createFakeOutbox({ keepsBodies: false })
  await using rig = await startRelay({ outbox })
  await using dialogue = await rig.session()
  await using other = await rig.session()
  await envelope(dialogue)
  const before = process.cpuUsage()
  const dots = dialogue.command(`${mail()}\r\n${'..\r\n'.repeat(2 * MEBIBYTE)}.`)
  let isDone = false
  void dots.then(() => {
    isDone = true
  })
  let served = 0
  while (!isDone) {
    await other.command('NOOP')
    served += 1
    if (served > 150) break
  }
  expect((await dots).code).toBe(250)
  const { user, system } = process.cpuUsage(before)
  // 8 MB; the library's own decoder would take 5 s of CPU.
  expect((user + system) / 1e6).toBeLessThan(2.5)
  expect(served).toBeGreaterThan(3)
})

test('who trickles a message is cut off, however steady the bytes', async () => {
  await using rig = await startRelay({ limits: { dataMs: 120_000 } })
  await using dialogue = await rig.session()
  await envelope(dialogue)
  for (let i = 0; i < 125; i++) {
    dialogue.write('x')
    await rig.clock.advance(1_000)
  }
  expect((await dialogue.read()).text).toMatch(/^421 4\.4\.2 The message took too long/)
  await dialogue.closed
  expect(rig.outbox.messages).toEqual([])
})

test('who does not log in is sent away after a minute, and others after an hour', async () => {
  await using rig = await startRelay()
  await using stranger = await rig.session({ login: false })
  await using dialogue = await rig.session()
  await rig.clock.advance(62_000)
  expect((await stranger.read()).text).toMatch(/^421 4\.4\.2 The login took too long/)
  expect((await dialogue.command('NOOP')).code).toBe(250)
  await rig.clock.advance(60 * 60_000)
  expect((await dialogue.read()).text).toMatch(/^421 4\.4\.2 The connection was open for a long/)
})

test('limits of time hold however many short connections came before', async () => {
  await using rig = await startRelay({ limits: { connections: 1, dataMs: 120_000 } })
  const first = async (login: boolean) => {
    for (;;) {
      const dialogue = await rig.open()
      if ((await dialogue.read()).code === 220) {
        await dialogue.command('EHLO client.test')
        if (login) await dialogue.command(`AUTH PLAIN ${plain('app', rig.secret)}`)
        return dialogue
      }
      await dialogue[Symbol.asyncDispose]()
    }
  }
  const many = async () => {
    for (let i = 0; i < 20; i++) {
      await using short = await first(false)
      await short.command('QUIT')
    }
  }
  await many()
  expect(rig.clock.sleepers).toBe(2)
  {
    await using stranger = await first(false)
    await rig.clock.advance(58_000)
    expect((await stranger.command('NOOP')).code).toBe(250)
    await rig.clock.advance(5_000)
    expect((await stranger.read()).text).toMatch(/^421 4\.4\.2 The login took too long/)
  }
  await many()
  await using slow = await first(true)
  await envelope(slow)
  await rig.clock.advance(115_000)
  expect((await slow.content(mail())).code).toBe(250)
})

test('who says nothing at all is sent away', async () => {
  await using rig = await startRelay({ limits: { idleMs: 50 } })
  await using dialogue = await rig.session()
  expect((await dialogue.read()).text).toMatch(/^421 4\.4\.2 /)
  await dialogue.closed
})

test('a commit that takes long is waited for: the client is not sent away meanwhile', async () => {
  using connections = watchConnections()
  await using rig = await startRelay({ limits: { idleMs: 200, dataMs: 1_000 } })
  rig.outbox.onCommit = async () => {
    await rig.clock.advance(5_000)
    for (const _time of [1, 2]) await once(connections.socket(), 'timeout')
  }
  await using dialogue = await rig.session()
  await envelope(dialogue)
  expect((await dialogue.content(mail())).code).toBe(250)
})

test('an address cannot take all connections, nor all addresses too many', async () => {
  await using rig = await startRelay({ limits: { connectionsPerAddress: 2 } })
  await using first = await rig.session()
  await using second = await rig.session({ tls: true })
  await using third = await rig.open()
  expect((await third.read()).text).toMatch(/^421 4\.7\.0 Too many connections from this address/)
  await second.command('QUIT')
  second.socket.end()
  await second.closed
  // The server sees the end of a connection a little later than the client.
  let code = 0
  while (code !== 220) {
    await using fourth = await rig.open()
    code = (await fourth.read()).code
  }
  expect((await first.command('NOOP')).code).toBe(250)

  await using small = await startRelay({ limits: { connections: 1 } })
  await using one = await small.session()
  await using two = await small.open()
  expect((await two.read()).text).toMatch(/^421 4\.3\.2 Too many connections/)
  expect((await one.command('NOOP')).code).toBe(250)
})

test('errors and idle commands are bounded, with a message they start anew', async () => {
  await using rig = await startRelay({ limits: { errors: 3, clientCommands: 8 } })
  await using dialogue = await rig.session()
  await dialogue.command('FOO')
  await dialogue.command('FOO')
  await envelope(dialogue)
  await dialogue.content(mail())
  await dialogue.command('FOO')
  await dialogue.command('FOO')
  expect((await dialogue.command('FOO')).code).toBe(500)
  expect((await dialogue.read()).text).toMatch(/^421 4\.7\.0 Too many errors/)

  await using other = await rig.session()
  for (let i = 0; i < 8; i++) expect((await other.command('NOOP')).code).toBe(250)
  expect((await other.command('NOOP')).text).toMatch(/^421 4\.7\.0 Too many commands/)
})

test('surplus recipients are left for another message, however many, and only a flood is cut off', async () => {
  await using rig = await startRelay({ limits: { errors: 3, clientCommands: 8 } })
  await using dialogue = await rig.session()
  await dialogue.command('MAIL FROM:<alerts@contoso.com>')
  const codes: number[] = []
  for (let i = 0; i < 800; i++) {
    codes.push((await dialogue.command(`RCPT TO:<u${i}@example.com>`)).code)
  }
  expect(codes.filter((code) => code === 250)).toHaveLength(500)
  expect(codes.filter((code) => code === 452)).toHaveLength(300)
  await dialogue.command('DATA')
  expect((await dialogue.content(mail())).code).toBe(250)
  expect((await rig.outbox.message()).draft.envelope.recipients).toHaveLength(500)

  await dialogue.command('MAIL FROM:<alerts@contoso.com>')
  dialogue.write('RCPT TO:<same@example.com>\r\n'.repeat(10_001))
  const flood = await readAll(dialogue)
  expect(flood).toHaveLength(10_001)
  expect(flood.at(-1)).toBe(421)
})

test('thousands of pipelined commands are answered or refused, and nobody else waits', async () => {
  await using rig = await startRelay()
  await using flood = await rig.session()
  await using other = await rig.session()
  flood.write('RSET\r\n'.repeat(50_000))
  expect((await other.command('NOOP')).code).toBe(250)
  expect((await readAll(flood)).at(-1)).toBe(421)
})

test('a web page cannot speak to the relay', async () => {
  await using rig = await startRelay()
  await using dialogue = await rig.open()
  await dialogue.read()
  dialogue.write('POST / HTTP/1.1\r\nHost: relay\r\n\r\nEHLO x\r\n')
  expect((await dialogue.read()).text).toMatch(/^421 4\.7\.0 /)
  await dialogue.closed
})

test('a HELO name cannot write into the headers', async () => {
  await using rig = await startRelay()
  await using dialogue = await rig.open()
  await dialogue.read()
  await dialogue.command('EHLO x)\tby(evil;')
  await dialogue.command('EHLO client.test')
  await dialogue.command(`AUTH PLAIN ${plain('app', rig.secret)}`)
  await dialogue.command('EHLO ev<il>;(x')
  await envelope(dialogue)
  await dialogue.content(mail())
  expect((await rig.outbox.message()).body).toMatch(/^Received: from \[127\.0\.0\.1\] \(\[127/)
})
