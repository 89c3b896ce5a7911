import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { type Draft, PRIORITY } from '../../../../src/outbox/message.ts'
import { createNotifier, type NotifierEvents } from '../../../../src/outbox/notify/notifier.ts'
import type { OutboxEvents } from '../../../../src/outbox/outbox.ts'
import { createOutboxStore } from '../../../../src/outbox/store/create-store.ts'
import { createEventBus } from '../../../../src/platform/events.ts'
import { openStorage } from '../../../../src/storage/index.ts'
import { createFakeClock } from '../../../support/clock.ts'
import { captureLog } from '../../../support/log.ts'
import { readMail } from '../../../support/mail.ts'
import { profileOf, START } from '../../alerts/alerts-bench.ts'
import { REPLY, refused } from './notify-bench.ts'

const BODY = Buffer.from('From: <scanner@contoso.com>\r\nSubject: Scan\r\n\r\nHello\r\n')

const DRAFT: Draft = {
  profileId: 'default',
  source: 'relay',
  priority: PRIORITY.interactive,
  client: 'relay:printer',
  envelope: {
    sender: 'scanner@contoso.com',
    recipients: [
      { address: 'ann@fabrikam.com', notify: null, orcpt: null },
      { address: 'bob@fabrikam.com', notify: 'FAILURE', orcpt: 'rfc822;bob@fabrikam.com' },
    ],
    smtpUtf8: false,
    eightBit: false,
    ret: 'FULL',
    envid: 'QQ1',
  },
  headerFrom: 'scanner@contoso.com',
  subject: 'Scan',
  messageId: '<s1@contoso.com>',
  once: false,
  bounceTo: 'scanner@contoso.com',
  idempotency: null,
}

it('what failed is told from the real store, once, and is waiting to be sent', async () => {
  const dataDir = mkdtempSync(join(tmpdir(), 'postern-notify-'))
  await using opened = new AsyncDisposableStack()
  opened.defer(() => rmSync(dataDir, { recursive: true, force: true }))
  const clock = createFakeClock(START)
  const { log } = captureLog()
  const storage = opened.use(await openStorage({ dataDir, role: 'agent', clock, log }))
  const store = opened.use(await createOutboxStore({ db: storage.db, role: 'owner' }))
  const events = createEventBus<OutboxEvents & NotifierEvents>({ log })
  const profiles = { find: () => profileOf('default') }
  const agent = { publicUrl: null, version: '1.2.3', hostname: 'gate.contoso.com' }
  const open = () => createNotifier({ store, profiles, clock, log, events, ...agent })

  const message = { id: 'm1', draft: DRAFT, sizeBytes: BODY.length, acceptedAt: START }
  await store.accept(message, BODY)
  await store.claim({ profileIds: ['default'], limit: 1 })
  const diagnosis = refused()
  await store.settle({
    messageId: 'm1',
    attempt: {
      number: 1,
      startedAt: START,
      finishedAt: START + 500,
      outcome: 'partlyDelivered',
      server: 'smtp.office365.com:587',
      recipients: 2,
      reply: '250 2.0.0 OK',
      diagnosis,
    },
    recipients: [
      { index: 0, state: 'delivered', reply: '250 2.1.5 OK', diagnosisCode: null },
      { index: 1, state: 'failed', reply: REPLY, diagnosisCode: diagnosis.code },
    ],
    next: { state: 'failed' },
    serverMessageId: null,
    accounted: null,
  })

  for (let run = 0; run < 2; run++) {
    await using notifier = open()
    notifier.start()
    await notifier.idle()
  }

  const waiting = await store.claim({ profileIds: ['default'], limit: 10 })
  const told = waiting.map((each) => ({
    source: each.message.source,
    to: each.recipients.map(({ address }) => address),
    mail: readMail(Buffer.from(each.body ?? []).toString('latin1')),
  }))
  expect(told.map(({ source, to }) => [source, ...to])).toEqual([
    ['report', 'it-default@contoso.com'],
    ['bounce', 'scanner@contoso.com'],
  ])
  const [report, bounce] = told
  expect(report?.mail.text).toContain(REPLY)
  expect(report?.mail.text).toContain(diagnosis.remedy)
  expect(report?.mail.text).toContain('Not delivered to: bob@fabrikam.com')
  expect(bounce?.mail.raw).toContain('Final-Recipient: rfc822; bob@fabrikam.com\r\n')
  expect(bounce?.mail.raw).not.toContain('rfc822; ann@fabrikam.com')
  expect(bounce?.mail.raw).toContain(
    `Content-Type: message/rfc822\r\n\r\n${BODY.toString('latin1')}\r\n--`,
  )
  expect(await store.lastReportAt('default')).toBe(START)
})
