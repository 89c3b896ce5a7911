import { describe, expect, it } from 'vitest'
import type { Accepted, Draft } from '../../../../src/outbox/message.ts'
import { createOutboxMailer } from '../../../../src/outbox/notify/own-mail.ts'
import type { MessageOutcome, Outbox } from '../../../../src/outbox/outbox.ts'
import { PosternError } from '../../../../src/platform/errors.ts'
import { createTestEmail } from '../../../../src/verification/index.ts'
import { createFakeClock } from '../../../support/clock.ts'
import { readMail } from '../../../support/mail.ts'
import { diagnosisOf, profileOf, START } from '../../alerts/alerts-bench.ts'
import { eventually } from '../../verification/fakes.ts'
import { failureOf } from './notify-bench.ts'

const MAIL = {
  from: { name: 'Process Alerts', address: 'Alerts@contoso.com' },
  to: ['it@contoso.com'],
  subject: 'Alert',
  text: 'Something happened.',
  html: '<p>Something happened.</p>',
  messageId: '<a1@contoso.com>',
  date: START,
}

type Step =
  | { readonly outcome: Partial<MessageOutcome> }
  /** Until the signal is aborted. */
  | { readonly outcome: 'never' }
  | { readonly cancel: 'ok' | 'message_finished' | 'message_sending' }

/** An outbox that answers by script, call by call; what is not in the script fails the test. */
function scriptedOutbox(...script: Step[]) {
  const keys = new Map<string, string>()
  const outbox = {
    accepted: [] as { draft: Draft; body: Buffer }[],
    cancelled: [] as string[],
    left: script,
    async accept(draft: Draft, body: Uint8Array): Promise<Accepted> {
      const known = keys.get(draft.idempotency?.key ?? '')
      if (known !== undefined) return { id: known, acceptedAt: START, duplicate: true }
      const id = `m${outbox.accepted.push({ draft, body: Buffer.from(body) })}`
      if (draft.idempotency !== null) keys.set(draft.idempotency.key, id)
      return { id, acceptedAt: START, duplicate: false }
    },
    async outcome(
      id: string,
      { signal }: { signal?: AbortSignal | undefined },
    ): Promise<MessageOutcome> {
      const step = script.shift()
      if (step === undefined || !('outcome' in step)) throw new Error('unexpected: outcome')
      if (step.outcome === 'never') return untilAborted(signal)
      const nothing = { reply: null, serverMessageId: null, diagnosis: null }
      return { id, state: 'queued', ...nothing, ...step.outcome }
    },
    async cancel(id: string) {
      const step = script.shift()
      if (step === undefined || !('cancel' in step)) throw new Error('unexpected: cancel')
      if (step.cancel !== 'ok') {
        throw new PosternError('No.', { kind: 'conflict', code: step.cancel })
      }
      outbox.cancelled.push(id)
      return failureOf(id, { message: { state: 'cancelled' } }).message
    },
  } satisfies Pick<Outbox, 'accept' | 'outcome' | 'cancel'> & Record<string, unknown>
  return outbox
}

function untilAborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}

const profiles = {
  get(id: string) {
    if (id === 'default') return profileOf('default')
    throw new PosternError('There is no such profile.', {
      kind: 'not_found',
      code: 'profile_not_found',
    })
  },
}

const DELIVERED = {
  outcome: { state: 'delivered', reply: '250 2.0.0 OK <s@x>', serverMessageId: '<s@x>' },
} as const

const CANCELLED = { outcome: { state: 'cancelled' } } as const

function mailerOf(outbox: ReturnType<typeof scriptedOutbox>, source: 'alert' | 'test' = 'alert') {
  return createOutboxMailer({ outbox, profiles, source })
}

describe('Postern’s own mail through the outbox', () => {
  it.each([
    ['alert', 0],
    ['test', 1],
  ] as const)('is accepted as any other, for one try: %s', async (source, priority) => {
    const outbox = scriptedOutbox(DELIVERED)
    const result = await mailerOf(outbox, source).send('default', MAIL)
    expect(result).toEqual({
      ok: true,
      receipt: {
        reply: '250 2.0.0 OK <s@x>',
        messageId: '<a1@contoso.com>',
        serverMessageId: '<s@x>',
      },
    })
    const [accepted] = outbox.accepted
    expect(accepted?.draft).toEqual({
      profileId: 'default',
      source,
      priority,
      client: 'postern',
      envelope: {
        sender: 'Alerts@contoso.com',
        recipients: [{ address: 'it@contoso.com', notify: null, orcpt: null }],
        smtpUtf8: false,
        eightBit: false,
        ret: null,
        envid: null,
      },
      headerFrom: 'alerts@contoso.com',
      subject: 'Alert',
      messageId: '<a1@contoso.com>',
      once: true,
      bounceTo: null,
      idempotency: null,
    })
    const mail = readMail(accepted?.body.toString('latin1') ?? '')
    expect(mail.header('message-id')).toEqual(['<a1@contoso.com>'])
    expect(mail.text).toContain('Something happened.')
  })

  it('with one key is one mail, however its words have changed since', async () => {
    const outbox = scriptedOutbox(DELIVERED, DELIVERED)
    const mailer = mailerOf(outbox)
    const first = { ...MAIL, idempotencyKey: 'alert n1 0' }
    await mailer.send('default', first)
    expect((await mailer.send('default', { ...first, text: 'Later.' })).ok).toBe(true)
    expect(outbox.accepted).toHaveLength(1)
    const again = scriptedOutbox(DELIVERED)
    await mailerOf(again).send('default', { ...first, text: 'Later.' })
    expect(again.accepted[0]?.draft.idempotency).toEqual(outbox.accepted[0]?.draft.idempotency)
  })

  it.each(['failed', 'deferred', 'held'] as const)('that is %s answers why', async (state) => {
    const diagnosis = diagnosisOf('auth_refused')
    const failed = { outcome: { state, diagnosis } }
    const outbox = scriptedOutbox(
      failed,
      ...(state === 'failed' ? [] : [{ cancel: 'ok' } as const, CANCELLED]),
    )
    expect(await mailerOf(outbox).send('default', MAIL)).toEqual({ ok: false, diagnosis })
    expect(outbox.left).toEqual([])
  })

  it('whose turn does not come is taken back, so that it does not leave later', async () => {
    const outbox = scriptedOutbox({ outcome: { state: 'queued' } }, { cancel: 'ok' }, CANCELLED)
    await expect(mailerOf(outbox).send('default', MAIL)).rejects.toMatchObject({
      code: 'own_mail_not_sent',
      kind: 'unavailable',
    })
    expect(outbox.cancelled).toEqual(['m1'])
  })

  it('that is on the wire just then is waited for once more', async () => {
    const waiting = { outcome: { state: 'sending' } } as const
    const outbox = scriptedOutbox(waiting, { cancel: 'message_sending' }, DELIVERED)
    expect((await mailerOf(outbox).send('default', MAIL)).ok).toBe(true)
    const silent = scriptedOutbox(waiting, { cancel: 'message_sending' }, waiting)
    await expect(mailerOf(silent).send('default', MAIL)).rejects.toMatchObject({
      code: 'own_mail_unanswered',
    })
  })

  it('that nobody waits for any more is taken back', async () => {
    const gone = new Error('gone')
    const stop = new AbortController()
    const outbox = scriptedOutbox({ outcome: 'never' }, { cancel: 'ok' })
    const sent = mailerOf(outbox).send('default', MAIL, stop.signal)
    await eventually(() => outbox.left.length === 1)
    stop.abort(gone)
    await expect(sent).rejects.toBe(gone)
    expect(outbox.cancelled).toEqual(['m1'])
    const unused = scriptedOutbox()
    await expect(mailerOf(unused).send('default', MAIL, stop.signal)).rejects.toBe(gone)
    expect(unused.accepted).toEqual([])
  })

  it('stays accepted when the agent stops and its key will be asked for again', async () => {
    const stop = new AbortController()
    const outbox = scriptedOutbox({ outcome: 'never' }, DELIVERED)
    const mail = { ...MAIL, idempotencyKey: 'alert n1 0' }
    const sent = mailerOf(outbox).send('default', mail, stop.signal)
    await eventually(() => outbox.left.length === 1)
    stop.abort(new Error('stopping'))
    await expect(sent).rejects.toThrow('stopping')
    expect((await mailerOf(outbox).send('default', mail)).ok).toBe(true)
    expect(outbox.accepted).toHaveLength(1)
    expect(outbox.cancelled).toEqual([])
  })

  it('of an unknown profile is not accepted', async () => {
    const outbox = scriptedOutbox()
    await expect(mailerOf(outbox).send('nobody', MAIL)).rejects.toMatchObject({
      code: 'profile_not_found',
    })
    expect(outbox.accepted).toEqual([])
  })

  it('carries the test email, with the words that it has always had', async () => {
    const states: unknown[] = []
    const outcomes = {
      async record(_profileId: string, { reply }: { reply: string | null }) {
        states.push(reply)
      },
    }
    const testEmail = (outbox: ReturnType<typeof scriptedOutbox>) =>
      createTestEmail({
        profiles,
        outcomes,
        mailer: mailerOf(outbox, 'test'),
        clock: createFakeClock(START),
        version: '1.2.3',
        hostname: 'gate.contoso.com',
      })
    const good = scriptedOutbox(DELIVERED)
    const sent = await testEmail(good).send('default', ' it@contoso.com ')
    expect(sent).toMatchObject({
      messageId: good.accepted[0]?.draft.messageId,
      serverMessageId: '<s@x>',
      reply: '250 2.0.0 OK <s@x>',
      to: 'it@contoso.com',
    })
    expect(sent.messageId).toMatch(/^<[^<>]+@contoso\.com>$/)
    const diagnosis = diagnosisOf('mailbox_permission_missing')
    const bad = scriptedOutbox({ outcome: { state: 'failed', diagnosis } })
    await expect(testEmail(bad).send('default', 'it@contoso.com')).rejects.toMatchObject({
      code: 'test_email_failed',
      kind: 'unavailable',
      message: `The test email was not sent. ${diagnosis.summary} ${diagnosis.remedy}`,
      details: { diagnosis },
    })
    expect(states).toEqual(['250 2.0.0 OK <s@x>', null])
  })
})
