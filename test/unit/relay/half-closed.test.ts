import { once } from 'node:events'
import { expect, test } from 'vitest'
import type { SmtpDialogue } from '../../support/smtp-dialogue.ts'
import { envelope, mail, startRelay } from './harness.ts'
import { watchConnections } from './watch-connections.ts'

/** The code of every answer up to the end of the connection. */
async function readAll(dialogue: SmtpDialogue): Promise<number[]> {
  const codes: number[] = []
  for (;;) {
    const reply = await dialogue.read().catch(() => undefined)
    if (reply === undefined) return codes
    codes.push(reply.code)
  }
}

test.each([
  { how: 'in clear text, behind QUIT', tls: false, last: 'QUIT\r\n', codes: [250, 221] },
  { how: 'in clear text, without QUIT', tls: false, last: '', codes: [250] },
  { how: 'in TLS, behind QUIT', tls: true, last: 'QUIT\r\n', codes: [250, 221] },
  { how: 'in TLS, without QUIT', tls: true, last: '', codes: [250] },
])(
  'who closes his side while his message is stored still gets his answers: $how',
  async ({ tls, last, codes }) => {
    using connections = watchConnections()
    await using rig = await startRelay()
    const stored = Promise.withResolvers<void>()
    rig.outbox.onCommit = () => stored.promise
    await using dialogue = await rig.session({ tls })
    await envelope(dialogue)
    const closedByClient = once(connections.socket(), 'end')
    dialogue.socket.end(`${mail()}\r\n.\r\n${last}`)
    await closedByClient
    stored.resolve()
    expect(await readAll(dialogue)).toEqual(codes)
    await dialogue.closed
    expect(rig.outbox.messages).toHaveLength(1)
  },
)

test('who closes his side behind everything he has to say gets every answer', async () => {
  await using rig = await startRelay()
  await using dialogue = await rig.session()
  const lines = ['MAIL FROM:<alerts@contoso.com>', 'RCPT TO:<bob@example.com>', 'DATA']
  dialogue.socket.end(`${lines.join('\r\n')}\r\n${mail()}\r\n.\r\nNOOP\r\nQUIT\r\n`)
  expect(await readAll(dialogue)).toEqual([250, 250, 354, 250, 250, 221])
})
