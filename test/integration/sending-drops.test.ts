import { describe, expect, it } from 'vitest'
import { MINUTE_MS } from '../../src/platform/clock.ts'
import { createMovableClock, type MovableClock } from '../support/movable-clock.ts'
import { startSendingAgent } from '../support/sending-agent.ts'
import { plainProfile } from '../support/sending-process.ts'
import { BREAKS, type Break, startWireSink, type WireSink } from '../support/wire-sink.ts'

/** The server has the whole message then, and may have kept it. */
const AFTER_THE_DOT: readonly Break[] = ['lost', 'kept', 'answer']
const CONTENT = [
  'From: <alerts@contoso.com>',
  'To: <ann@fabrikam.com>',
  'Date: Mon, 23 Nov 2026 10:00:00 +0000',
  'Message-ID: <one@contoso.com>',
  'Subject: broken off',
  '',
  // More than one packet.
  ...Array.from({ length: 20_000 }, (_, i) => `.line ${i}`),
  '',
].join('\r\n')

/** Lets minutes pass until the server has so many messages. */
async function passUntil(
  facts: { clock: MovableClock; sink: WireSink; idle: () => Promise<void> },
  count: number,
): Promise<number> {
  let minutes = 0
  for (; facts.sink.taken.length < count && minutes < 60; minutes++) {
    facts.clock.pass(MINUTE_MS)
    await facts.idle()
  }
  return minutes
}

describe('a server that breaks off', () => {
  it.each(BREAKS.flatMap((place) => [1, 4].map((times) => ({ place, times }))))(
    'at $place, $times times, gets the message in the end',
    async ({ place, times }) => {
      let left = 0
      const clock = createMovableClock()
      await using sink = await startWireSink({
        breaksAt: (here) => here === place && left-- > 0,
      })
      await using agent = await startSendingAgent({ clock, profile: () => plainProfile(sink) })
      await agent.agent.idle()
      left = times
      {
        await using relay = await agent.openRelay()
        const reply = await relay.send({
          from: 'alerts@contoso.com',
          to: ['ann@fabrikam.com'],
          content: CONTENT,
        })
        expect(reply.code, reply.text).toBe(250)
      }
      const idle = () => agent.agent.idle()
      await idle()
      const isKept = place === 'kept' || place === 'answer'
      // Those that it has kept without saying so come once more.
      const copies = isKept ? times + 1 : 1
      const minutes = await passUntil({ clock, sink, idle }, copies)
      if (AFTER_THE_DOT.includes(place)) expect(minutes).toBeGreaterThan(0)
      // Nothing more comes.
      clock.pass(3 * 60 * MINUTE_MS)
      await idle()

      expect(left).toBeLessThanOrEqual(0)
      expect(sink.taken.map(({ messageId }) => messageId)).toEqual(
        Array(copies).fill('<one@contoso.com>'),
      )
      const [first] = sink.taken
      expect(first?.raw.toString('latin1').endsWith(`\r\n${CONTENT}`)).toBe(true)
      for (const { raw, recipients } of sink.taken) {
        expect(first?.raw.equals(raw)).toBe(true)
        expect(recipients).toEqual(['ann@fabrikam.com'])
      }
      const { messages } = (await agent.call('GET', 'messages?limit=10')).body
      expect(messages).toMatchObject([{ state: 'delivered', recipientCount: 1 }])
    },
  )
})
