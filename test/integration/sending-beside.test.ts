import { expect, it } from 'vitest'
import { temporaryFolder } from '../support/folder.ts'
import { runPostern } from '../support/process.ts'
import { createRandom } from '../support/random.ts'
import { startSendingLoad } from '../support/sending-load.ts'
import { firstStart, runWithInput, sendingSite } from '../support/sending-process.ts'
import { startWireSink } from '../support/wire-sink.ts'

it('commands hand mail in beside a busy agent, whose folder no second agent gets', async () => {
  using folder = temporaryFolder()
  await using sink = await startWireSink()
  const site = await sendingSite(folder.path)
  const started = await firstStart(site, sink)
  await using agent = started.agent
  await using load = startSendingLoad({
    ...site,
    client: started.client,
    connections: 2,
    callers: 1,
    random: createRandom(1),
  })
  await load.more(5)

  const second = await runPostern(['start'], {
    ...site.env,
    POSTERN_HTTP_PORT: '0',
    POSTERN_RELAY_PORT: '0',
  })
  expect([second.code, second.stderr]).toEqual([
    1,
    expect.stringContaining(`Another Postern agent is running on ${site.dataDir}`),
  ])

  const headers = ['To: Ann <ann@fabrikam.com>', 'Cc: carl@fabrikam.com', 'Bcc: bob@fabrikam.com']
  const listed = [...headers, 'Subject: listed', '', 'Hello', ''].join('\n')
  const given = ['To: somebody@else.example', 'Subject: given', '', 'Hello', ''].join('\n')
  const ends = await Promise.all([
    runWithInput(['sendmail', '-t', '-i'], site.env, listed),
    runWithInput(['sendmail', '-i', 'ann@fabrikam.com'], site.env, given),
    runWithInput(['send', '--to', 'ann@fabrikam.com', '--subject', 'sent'], site.env, 'Hello\n'),
  ])
  expect(ends).toEqual(Array(3).fill({ code: 0, stderr: '' }))

  const find = (subject: string) =>
    sink.taken.filter(({ raw }) => raw.toString('latin1').includes(`\r\nSubject: ${subject}\r\n`))
  await sink.until(() => ['listed', 'given', 'sent'].every((subject) => find(subject).length > 0))
  await load.stop()
  await sink.until(() =>
    [...load.accepted].every((id) => sink.taken.some(({ messageId }) => messageId === id)),
  )
  expect(load.refusals).toEqual([])
  expect(sink.taken).toHaveLength(new Set(sink.taken.map(({ messageId }) => messageId)).size)

  // The envelope decides: what the header names counts only where it was asked for, and Bcc is nowhere.
  const [toListed] = find('listed')
  expect(toListed?.recipients.toSorted()).toEqual([
    'ann@fabrikam.com',
    'bob@fabrikam.com',
    'carl@fabrikam.com',
  ])
  expect(toListed?.raw.toString('latin1')).not.toMatch(/bcc|bob@/i)
  expect(find('given').map(({ recipients }) => recipients)).toEqual([['ann@fabrikam.com']])
  expect(find('sent').map(({ recipients }) => recipients)).toEqual([['ann@fabrikam.com']])
  const queueOf = async () => (await agent.call('GET', 'status')).body.profiles[0].queue
  await expect.poll(queueOf).toEqual({ queued: 0, held: 0, oldestAgeSeconds: null })
  const { messages } = (await agent.call('GET', 'messages?limit=200&source=sendmail')).body
  expect(messages.map(({ state }: { state: string }) => state)).toEqual(Array(3).fill('delivered'))
}, 90_000)
