import { describe, expect, it } from 'vitest'
import { type SendingAgent, startSendingAgent } from '../support/sending-agent.ts'
import { digestOf } from '../support/sending-load.ts'
import { plainProfile } from '../support/sending-process.ts'
import { startWireSink, type WireSink } from '../support/wire-sink.ts'

const SENDER = 'alerts@contoso.com'
const ANN = 'ann@fabrikam.com'
const HEAD = [
  `From: <${SENDER}>`,
  'To: somebody@else.example, "quoted, name" <other@else.example>',
  'Cc: third@else.example',
  'Date: Mon, 23 Nov 2026 10:00:00 +0000',
  'Message-ID: <bytes@contoso.com>',
  'Subject: odd \t spaces   and',
  '\tfolds',
  'X-Empty:',
  'x-LOWER: stays',
  '',
  '',
].join('\r\n')
const ALL_BYTES = Buffer.from(
  Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => ![0, 10, 13].includes(byte)),
).toString('latin1')

/** Latin-1, each ended by CR LF as the end of DATA wants it. */
const BODIES: readonly (readonly [string, string])[] = [
  ['nothing', ''],
  ['empty lines', '\r\n\r\n\r\n'],
  ['a dot', '.\r\n'],
  ['dots', '.\r\n..\r\n...\r\n. \r\n.x\r\n \r\n..x\r\n.\r\n'],
  // A dot at the beginning of a line wherever a piece of any size ends.
  ['dots in every place', '.\r\n'.repeat(200_000)],
  ['line ends in every place', '\r\n'.repeat(150_000)],
  ['a line of 998 characters', `${'x'.repeat(998)}\r\n`],
  ['a line of 300,000 characters', `${'x'.repeat(300_000)}\r\n.\r\n`],
  ['white space at the ends of lines', 'a \r\nb\t\r\n  \r\n\t\r\n'],
  ['every byte but NUL, CR and LF', `${ALL_BYTES}\r\n`],
  ['UTF-8', `${Buffer.from('Grüße, 漢字 und 🚪').toString('latin1')}\r\n`],
  ['what looks like a command or a reply', 'QUIT\r\nRSET\r\nMAIL FROM:<a@b.c>\r\n250 ok\r\n'],
  ['what looks like a mailbox file', 'From alerts Mon Nov 23\r\n>From x\r\n'],
  ['what looks like another header', 'Bcc: nobody@else.example\r\n\r\nTo: x@else.example\r\n'],
  ...[65_536, 262_144].flatMap((size) =>
    [-1, 0, 1].map(
      (more) =>
        [
          `${size + more} bytes with its header`,
          `${'y'.repeat(size + more - HEAD.length - 2)}\r\n`,
        ] as const,
    ),
  ),
]

async function startBench(): Promise<{ agent: SendingAgent; sink: WireSink } & AsyncDisposable> {
  await using opened = new AsyncDisposableStack()
  const sink = opened.use(await startWireSink())
  const agent = opened.use(await startSendingAgent({ profile: () => plainProfile(sink) }))
  const held = opened.move()
  return { agent, sink, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

function post(agent: SendingAgent, query: string, content: string | Buffer): Promise<Response> {
  return fetch(`${agent.url}/api/v1/messages?${query}`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${agent.token}`,
      'content-type': 'message/rfc822',
    },
    body: Buffer.isBuffer(content) ? content : Buffer.from(content, 'latin1'),
  })
}

const RECEIVED = /^Received: [^\r\n]+(?:\r\n[ \t][^\r\n]+)*\r\n$/

describe('the bytes of a message', () => {
  it('go through the relay as they are, behind one added line', async () => {
    await using bench = await startBench()
    const { agent, sink } = bench
    await using relay = await agent.openRelay()
    for (const [name, body] of BODIES) {
      for (const parameters of ['', ' BODY=8BITMIME']) {
        const content = `${HEAD}${body}`
        const reply = await relay.send({ from: SENDER, to: [ANN], content, parameters })
        expect(reply.code, `${name}: ${reply.text}`).toBe(250)
        await agent.agent.idle()
        const raw = sink.taken.at(-1)?.raw.toString('latin1') ?? ''
        const added = raw.slice(0, raw.length - content.length)
        expect(added, name).toMatch(RECEIVED)
        expect(raw.slice(added.length) === content, name).toBe(true)
      }
    }
    expect(sink.taken).toHaveLength(2 * BODIES.length)
  }, 60_000)

  it('go through the API as they are', async () => {
    await using bench = await startBench()
    const { agent, sink } = bench
    for (const [name, body] of BODIES) {
      const content = `${HEAD}${body}`
      const answer = await post(agent, `to=${ANN}`, content)
      expect(answer.status, `${name}: ${await answer.text()}`).toBe(202)
      await agent.agent.idle()
      expect(sink.taken.at(-1)?.raw.toString('latin1') === content, name).toBe(true)
    }
    // SMTP has no message without a last line end (RFC 5321 §4.1.1.4).
    expect((await post(agent, `to=${ANN}`, `${HEAD}no line end`)).status).toBe(202)
    await agent.agent.idle()
    expect(sink.taken.at(-1)?.raw.toString('latin1')).toBe(`${HEAD}no line end\r\n`)
  }, 60_000)

  it('are 35 MiB at most, and then all of them', async () => {
    await using bench = await startBench()
    const { agent, sink } = bench
    const limit = 35 * 1024 * 1024
    const line = `.${'z'.repeat(74)}\r\n`
    const filler = line.repeat(Math.ceil(limit / line.length))
    const whole = `${HEAD}${filler}`.slice(0, limit - 2)
    await using relay = await agent.openRelay()
    const send = (content: string) => relay.send({ from: SENDER, to: [ANN], content })
    // One byte more than announced.
    const refused = await send(`${whole}.\r\n`)
    expect([refused.code, sink.taken.length]).toEqual([552, 0])
    expect((await send(`${whole}\r\n`)).code).toBe(250)
    await agent.agent.idle()
    const raw = sink.taken[0]?.raw ?? Buffer.alloc(0)
    expect(digestOf(raw.subarray(raw.length - limit))).toBe(digestOf(`${whole}\r\n`))
    expect((await agent.call('GET', 'status')).body.profiles[0].queue.queued).toBe(0)
  }, 60_000)
})

describe('the recipients of a message', () => {
  const head = (more: string) => `${more}${HEAD}`

  it('are those of the envelope, whatever its header says', async () => {
    await using bench = await startBench()
    const { agent, sink } = bench
    const headers = head('Bcc: hidden@else.example\r\nResent-To: again@else.example\r\n')
    {
      await using relay = await agent.openRelay()
      const to = [ANN, 'bob@fabrikam.com']
      expect((await relay.send({ from: SENDER, to, content: headers })).code).toBe(250)
      await agent.agent.idle()
      expect(sink.taken.at(-1)?.recipients).toEqual(to)
    }
    expect((await post(agent, `to=${ANN}&to=bob@fabrikam.com`, headers)).status).toBe(202)
    await agent.agent.idle()
    expect(sink.taken.at(-1)?.recipients).toEqual([ANN, 'bob@fabrikam.com'])
    expect((await post(agent, '', headers)).status).toBe(400)
    await agent.agent.idle()
    expect(sink.taken).toHaveLength(2)
  })

  it('know nothing of each other where they are blind copies', async () => {
    await using bench = await startBench()
    const { agent, sink } = bench
    const json = {
      to: ANN,
      cc: 'carl@fabrikam.com',
      bcc: ['bob@fabrikam.com'],
      subject: 's',
      text: 't',
    }
    expect((await agent.call('POST', 'messages', json)).status).toBe(202)
    await agent.agent.idle()
    const composed = sink.taken.at(-1)
    expect(composed?.recipients.toSorted()).toEqual([ANN, 'bob@fabrikam.com', 'carl@fabrikam.com'])
    expect(composed?.raw.toString('latin1')).not.toMatch(/bcc|bob@/i)

    const folded = 'BCC : bob@fabrikam.com,\r\n\tdora@fabrikam.com\r\nbcc:\r\n eve@fabrikam.com\r\n'
    expect((await post(agent, `to=${ANN}`, head(folded))).status).toBe(202)
    await agent.agent.idle()
    const raw = sink.taken.at(-1)?.raw.toString('latin1')
    expect(raw).not.toMatch(/bcc|bob@|dora@|eve@/i)
    expect(raw).toBe(HEAD)

    await using relay = await agent.openRelay()
    const mail = { from: SENDER, to: [ANN, 'bob@fabrikam.com'], content: head(folded) }
    expect((await relay.send(mail)).code).toBe(250)
    await agent.agent.idle()
    const relayed = sink.taken.at(-1)?.raw.toString('latin1') ?? ''
    expect(sink.taken.at(-1)?.recipients).toEqual(mail.to)
    expect(relayed).not.toMatch(/bcc|bob@|dora@|eve@/i)
    expect(relayed.endsWith(HEAD)).toBe(true)
  })
})
