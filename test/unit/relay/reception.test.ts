import { expect, test } from 'vitest'
import { senderRules } from '../../../src/relay/message/index.ts'
import { createReception } from '../../../src/relay/reception.ts'
import { createFakeOutbox, diskFull } from './fake-outbox.ts'
import { ADMIN, mail, profileOf, startClients } from './harness.ts'

async function startReception() {
  await using closers = new AsyncDisposableStack()
  const rig = closers.use(await startClients())
  const { id } = await rig.clients.create({ name: 'app', profileId: 'default' }, ADMIN)
  const client = rig.clients.find(id)
  if (client === undefined) throw new Error('the client is gone')
  const outbox = createFakeOutbox()
  const profile = profileOf('default')
  const reception = createReception({
    outbox,
    dateText: () => 'Mon, 23 Nov 2026 10:00:00 +0000',
    log: rig.log.log,
    submitter: { client, profile, rules: senderRules(client, profile.senderEmailAddress) },
    envelope: {
      address: 'alerts@contoso.com',
      sizeBytes: null,
      isUsable: true,
      smtpUtf8: false,
      eightBit: false,
      ret: null,
      envid: null,
      recipients: [{ address: 'bob@example.com', notify: null, orcpt: null }],
    },
    trace: {
      helo: 'client.test',
      address: '127.0.0.1',
      hostname: 'relay.test',
      isExtended: true,
      isSecure: true,
      isAuthenticated: true,
    },
    limitBytes: 1024 * 1024,
  })
  const held = closers.move()
  return { outbox, reception, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

const LARGE = Buffer.from(`${mail(['x'.repeat(100_000)])}\r\n`)

test('a final dot that comes with the last bytes waits until these are kept', async () => {
  await using rig = await startReception()
  const writing = Promise.withResolvers<void>()
  rig.outbox.onWrite = () => writing.promise
  expect(rig.reception.write(LARGE)).toBeInstanceOf(Promise)
  const reply = rig.reception.finish(null)
  writing.resolve()
  expect((await reply).code).toBe(250)
  expect((await rig.outbox.message()).body.endsWith(LARGE.toString())).toBe(true)
})

test('when these cannot be kept, the message is not accepted', async () => {
  await using rig = await startReception()
  const writing = Promise.withResolvers<void>()
  rig.outbox.onWrite = () => writing.promise
  void rig.reception.write(LARGE)
  const reply = rig.reception.finish(null)
  writing.reject(diskFull())
  expect((await reply).code).toBe(452)
  await rig.outbox.untilAborted()
  expect(rig.outbox.messages).toEqual([])
})
