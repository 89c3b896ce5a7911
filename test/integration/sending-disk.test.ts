import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { MINUTE_MS, SECOND_MS } from '../../src/platform/clock.ts'
import { fillDisk, smallDisk } from '../support/disk.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { startSendingAgent } from '../support/sending-agent.ts'
import { plainProfile } from '../support/sending-process.ts'
import { skipFor } from '../support/skip.ts'
import { startWireSink } from '../support/wire-sink.ts'

const SENDER = 'alerts@contoso.com'
/** More than one piece of the store. */
const LARGE = `${'x'.repeat(76)}\r\n`.repeat(8_000)

it('a full disk refuses mail, repeats and loses none, and is over when there is room again', async (context) => {
  const disk = smallDisk(24)
  if (typeof disk === 'string') return skipFor(context, disk)
  using folder = disk
  const ballast = join(folder.path, 'ballast')
  const clock = createMovableClock()
  const answered = Promise.withResolvers<void>()
  await using sink = await startWireSink({ answerAfter: () => answered.promise })
  await using agent = await startSendingAgent({ folder, clock, profile: () => plainProfile(sink) })
  const accepted: string[] = []
  let count = 0
  const message = (body: string) => {
    const messageId = `<m${++count}@contoso.com>`
    return { messageId, content: `From: <${SENDER}>\r\nMessage-ID: ${messageId}\r\n\r\n${body}` }
  }
  /** The code of the relay's answer. */
  async function relay(body: string): Promise<number> {
    const { messageId, content } = message(body)
    await using sender = await agent.openRelay()
    const reply = await sender.send({ from: SENDER, to: ['ann@fabrikam.com'], content })
    if (reply.code === 250) accepted.push(messageId)
    else expect(reply.text).toMatch(/^452[ -]4\.3\.1 .*Postern goes on by itself/s)
    return reply.code
  }
  /** Status and code of the API's answer. */
  async function post(text: string): Promise<readonly [number, unknown]> {
    const { messageId } = message('')
    const headers = { 'Message-ID': messageId }
    const body = { to: 'ann@fabrikam.com', subject: 's', text, headers }
    const answer = await agent.call('POST', 'messages', body)
    if (answer.status === 202) accepted.push(messageId)
    return [answer.status, answer.body.code]
  }
  async function pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= 10 * SECOND_MS) {
      clock.pass(10 * SECOND_MS)
      // What cannot be written down is under way all the time: an answer is a turn of the agent.
      await Promise.race([agent.agent.idle(), agent.call('GET', 'status')])
    }
  }

  for (let i = 0; i < 20; i++) {
    expect(await relay('small\r\n')).toBe(250)
    expect((await post('small'))[0]).toBe(202)
  }
  await sink.until(() => sink.taken.length === 3)
  fillDisk(ballast)
  expect(await relay(LARGE)).toBe(452)
  expect(await post(LARGE)).toEqual([503, 'disk_full'])
  // What SQLite had allocated before may take some more.
  let small = await relay('small\r\n')
  for (let i = 0; small === 250 && i < 2_000; i++) small = await relay('small\r\n')
  expect(small).toBe(452)
  expect(await post('small')).toEqual([503, 'disk_full'])
  expect((await agent.call('GET', 'status')).status).toBe(200)

  // That the server has taken these cannot be written down: nothing more leaves.
  answered.resolve()
  await pass(5 * MINUTE_MS)
  expect(sink.taken).toHaveLength(3)
  expect(agent.logs.lines.join('')).toContain('the end of an attempt cannot be stored')

  rmSync(ballast)
  expect(await relay(LARGE)).toBe(250)
  expect((await post(LARGE))[0]).toBe(202)
  for (let i = 0; i < 90 && sink.taken.length < accepted.length; i++) await pass(MINUTE_MS)
  await agent.agent.idle()
  expect(sink.taken.map(({ messageId }) => messageId).toSorted()).toEqual(accepted.toSorted())
  expect((await agent.call('GET', 'status')).body.profiles[0].queue).toMatchObject({
    queued: 0,
    held: 0,
  })
}, 60_000)
