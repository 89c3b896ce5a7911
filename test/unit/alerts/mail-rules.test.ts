import { describe, expect, it } from 'vitest'
import type { Hold } from '../../../src/outbox/index.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../src/platform/clock.ts'
import type { Report } from '../../../src/verification/index.ts'
import { failureOf } from '../outbox/notify/notify-bench.ts'
import {
  type AlertsBench,
  createBench,
  diagnosisOf,
  networkDiagnosis,
  OPERATOR,
  profileOf,
  START,
  secretOf,
} from './alerts-bench.ts'

const PERMISSION = diagnosisOf('mailbox_permission_missing')

const REPORT: Report = {
  id: 'r1',
  profileId: 'default',
  reason: 'schedule',
  outcome: 'failed',
  startedAt: '2026-11-23T10:00:00Z',
  finishedAt: '2026-11-23T10:00:00Z',
  durationMs: 1,
  withMessage: false,
  checks: [],
  diagnosis: null,
  unproven: [],
  message: null,
  tokenFacts: null,
}

function holdOf(changes: Partial<Hold> = {}): Hold {
  return {
    profileId: 'default',
    sender: '',
    since: START,
    diagnosis: PERMISSION,
    nextProbeAt: START + MINUTE_MS,
    probes: 0,
    ...changes,
  }
}

async function held(bench: AlertsBench, hold: Hold, waiting = 12): Promise<void> {
  bench.holds = [...bench.holds, hold]
  wait(bench, { held: waiting })
  bench.events.emit('outbox.held', { hold, waiting })
  await bench.settle()
}

async function released(bench: AlertsBench, sender = ''): Promise<void> {
  bench.holds = bench.holds.filter((hold) => hold.sender !== sender)
  bench.queues.clear()
  bench.events.emit('outbox.released', { profileId: 'default', sender, at: bench.clock.now() })
  await bench.settle()
}

function wait(
  bench: AlertsBench,
  counts: { queued?: number; held?: number; oldestAcceptedAt?: number },
): void {
  bench.queues.set('default', { queued: 0, held: 0, oldestAcceptedAt: START, ...counts })
}

async function open(bench: AlertsBench) {
  const all = await bench.alerts.list({ state: 'open', limit: 100 })
  return all.map(({ kind }) => kind).sort()
}

async function only(bench: AlertsBench) {
  const [alert, ...more] = await bench.alerts.list({ state: 'open', limit: 100 })
  if (alert === undefined || more.length > 0) throw new Error(`${more.length + 1} alerts`)
  return alert
}

describe('mail of a removed profile', () => {
  const queueOf = (held: number) => ({ queued: 0, held, oldestAcceptedAt: START })
  /** A profile that was removed with mail, beside one that can mail alerts. */
  async function removed() {
    const bench = await createBench()
    await bench.put(profileOf('default'))
    await bench.put(profileOf('scanners'))
    bench.setHealth('default', 'ok')
    bench.alerts.start()
    bench.queues.set('scanners', queueOf(12))
    await bench.remove('scanners')
    await bench.deliver()
    return bench
  }

  it('opens an alert of no profile that names it and counts its mail', async () => {
    await using bench = await removed()
    expect(await only(bench)).toMatchObject({
      kind: 'mailHeld',
      profileId: null,
      severity: 'critical',
      summary: '12 messages of the removed profile “scanners” wait and cannot be sent.',
    })
    const [mail] = bench.mails()
    expect(mail?.subject).toContain('removed profile “scanners”')
    expect(mail?.text).toContain('creates the profile “scanners” again')
  })

  it('says in the same alert that it has failed, and ends a day later', async () => {
    await using bench = await removed()
    const { id } = await only(bench)
    bench.mails()
    await bench.pass(7 * DAY_MS + 2 * HOUR_MS)
    bench.mails()
    bench.queues.clear()
    const at = bench.clock.now()
    for (const messages of [10, 2]) {
      bench.events.emit('failures.unreported', { profileId: 'scanners', messages, at })
      await bench.settle()
    }
    await bench.deliver()
    expect(await only(bench)).toMatchObject({
      id,
      kind: 'failuresUntold',
      profileId: null,
      summary: '12 messages of the removed profile “scanners” failed, and nobody was told.',
    })
    expect(bench.mails()).toHaveLength(1)
    await bench.restart()
    await bench.rules.start()
    await tick(bench)
    expect(await open(bench)).toEqual(['failuresUntold'])
    bench.clock.set(at + 2 * DAY_MS)
    await tick(bench)
    expect(await open(bench)).toEqual([])
  })

  it('is over when the profile is there again, or nothing of it waits', async () => {
    await using bench = await removed()
    const profile = profileOf('scanners')
    await bench.put(profile)
    bench.events.emit('profile.created', { profile, actor: OPERATOR })
    await bench.settle()
    expect(await open(bench)).toEqual([])
  })

  it('is told also when the profile was gone before the agent started', async () => {
    await using bench = await createBench()
    bench.queues.set('scanners', queueOf(1))
    const hold = holdOf({ profileId: 'scanners' })
    bench.events.emit('outbox.held', { hold, waiting: 1 })
    await bench.settle()
    expect((await only(bench)).summary).toBe(
      '1 message of the removed profile “scanners” waits and cannot be sent.',
    )
    bench.queues.clear()
    await bench.rules.start()
    await tick(bench)
    expect(await open(bench)).toEqual([])
  })
})

/** A minute later the rules look again. */
async function tick(bench: AlertsBench): Promise<void> {
  await bench.settle()
  await bench.clock.advance(MINUTE_MS)
  await bench.settle()
}

describe('mail that is held', () => {
  it('opens one alert that says how much waits, why, since when and how long, until it is released', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    await held(bench, holdOf())
    const alert = await only(bench)
    expect(alert).toMatchObject({
      kind: 'mailHeld',
      severity: 'critical',
      profileId: 'default',
      summary: `12 messages of profile “default” wait for a repair. ${PERMISSION.summary}`,
      diagnosis: { code: 'mailbox_permission_missing' },
    })
    const details = alert.details.join(' ')
    expect(details).toContain('Kept back since 2026-11-23 10:00 UTC.')
    expect(details).toContain('kept for 168 hours')
    expect(details).toContain('fails after 2026-11-30 10:00 UTC')
    await released(bench)
    expect(await open(bench)).toEqual([])
  })

  it('is told through another profile, and its own is not tried before it may send again', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    bench.setHealth('default', 'ok')
    bench.alerts.start()
    await held(bench, holdOf())
    expect(bench.mails()).toEqual([])
    await released(bench)
    await bench.deliver()
    const [mail, ...more] = bench.mails()
    expect(more).toEqual([])
    expect(mail?.through).toBe('default')
    expect(mail?.subject).toBe('[default] Resolved: the mail of profile “default” is sent again')
    expect(mail?.text).toContain('This could not be mailed before; it is sent again.')
  })

  it('through a working sibling with the same address is told at once', async () => {
    await using bench = await createBench()
    const errorEmailAddress = 'it@contoso.com'
    for (const id of ['default', 'sibling']) {
      await bench.put(profileOf(id, { errorEmailAddress }))
      bench.setHealth(id, 'ok')
    }
    bench.alerts.start()
    await held(bench, holdOf())
    const [mail] = bench.mails()
    expect(mail?.through).toBe('sibling')
    expect(mail?.text).toContain('12 messages of profile “default” wait for a repair.')
    expect(mail?.text).toContain('fails after 2026-11-30 10:00 UTC')
  })

  it('names the senders where only they are held', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    const diagnosis = diagnosisOf('send_as_denied')
    await held(bench, holdOf({ sender: 'erp@contoso.com', diagnosis }), 1)
    expect((await only(bench)).summary).toBe(
      `1 message from erp@contoso.com of profile “default” waits for a repair. ${diagnosis.summary}`,
    )
    await held(bench, holdOf({ sender: 'crm@contoso.com', diagnosis }), 3)
    expect((await only(bench)).summary).toContain(
      '3 messages from erp@contoso.com, crm@contoso.com of profile “default” wait',
    )
    await released(bench, 'erp@contoso.com')
    expect((await only(bench)).summary).toContain('from crm@contoso.com of')
    await released(bench, 'crm@contoso.com')
    expect(await open(bench)).toEqual([])
  })

  it('is told by the alert about the verification where that says the same', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    await bench.verified('default', 'failing', PERMISSION)
    await held(bench, holdOf())
    expect(await open(bench)).toEqual(['verification'])
    await bench.rules.start()
    expect((await only(bench)).details.join(' ')).toContain('12 messages of the profile wait')
    wait(bench, { held: 40 })
    await bench.clock.advance(MINUTE_MS)
    await bench.settle()
    expect((await only(bench)).details.join(' ')).toContain('40 messages of the profile wait')
  })

  it('keeps the verification from telling the same a second time, and leaves it the word afterwards', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    await held(bench, holdOf())
    await bench.verified('default', 'failing', PERMISSION)
    expect(await open(bench)).toEqual(['mailHeld'])
    await released(bench)
    // Something got through, so the last verification may be overcome: the next one tells.
    expect(await open(bench)).toEqual([])
    const health = bench.healthOf('default')
    bench.events.emit('verification.completed', { report: REPORT, health })
    await bench.settle()
    expect(await open(bench)).toEqual(['verification'])
  })

  it('does not open by itself what an old verification says', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    await bench.rules.start()
    bench.network = { since: START, profiles: 3, diagnosis: networkDiagnosis() }
    await bench.verified('default', 'failing', networkDiagnosis())
    bench.network = null
    wait(bench, { queued: 3 })
    await bench.clock.advance(2 * MINUTE_MS)
    await bench.settle()
    expect(await open(bench)).toEqual([])
  })

  it('for another reason than the verification gives is an alert of its own', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    await bench.verified('default', 'failing', diagnosisOf('smtp_auth_off'))
    await held(bench, holdOf())
    expect(await open(bench)).toEqual(['mailHeld', 'verification'])
  })

  it('for a secret that has ended is told by the alert about the credential', async () => {
    await using bench = await createBench()
    const credential = secretOf({ expiresAt: START - DAY_MS })
    await bench.put(profileOf('default', { credential }))
    await bench.verified('default', 'failing', diagnosisOf('secret_expired'))
    await held(bench, holdOf({ diagnosis: diagnosisOf('credential_ended') }))
    expect(await open(bench)).toEqual(['credentialEnded'])
  })

  it('is found at the start when the process died before it was told, or before its end was', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    bench.holds = [holdOf()]
    wait(bench, { held: 2 })
    await bench.restart()
    await bench.rules.start()
    expect(await open(bench)).toEqual(['mailHeld'])
    bench.holds = []
    bench.queues.clear()
    await bench.restart()
    await bench.rules.start()
    expect(await open(bench)).toEqual([])
  })
})

describe('mail that waits long', () => {
  const passed = async (bench: AlertsBench, ms: number) => {
    await bench.clock.advance(ms)
    await bench.settle()
  }

  it('opens an alert after an hour, with the reason of the last try, and ends it when it waits no more', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    await bench.rules.start()
    wait(bench, { queued: 7 })
    await passed(bench, 59 * MINUTE_MS)
    expect(await open(bench)).toEqual([])
    const { message } = failureOf('m1', { message: { diagnosis: diagnosisOf('server_busy') } })
    bench.deferred = [message]
    await passed(bench, 2 * MINUTE_MS)
    expect(await only(bench)).toMatchObject({
      kind: 'mailDelayed',
      severity: 'warning',
      summary:
        'Mail of profile “default” has been waiting since 2026-11-23 10:00 UTC; 7 messages in all.',
      diagnosis: { code: 'server_busy' },
    })
    wait(bench, { queued: 7, oldestAcceptedAt: bench.clock.now() - 45 * MINUTE_MS })
    await passed(bench, MINUTE_MS)
    expect(await open(bench)).toEqual(['mailDelayed'])
    bench.queues.clear()
    await passed(bench, MINUTE_MS)
    expect(await open(bench)).toEqual([])
  })

  it('says nothing of its own while the hold, the verification or the network tells it', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    await bench.rules.start()
    await held(bench, holdOf())
    await passed(bench, 3 * HOUR_MS)
    expect(await open(bench)).toEqual(['mailHeld'])
    await released(bench)
    wait(bench, { queued: 1 })
    bench.network = { since: START, profiles: 3, diagnosis: networkDiagnosis() }
    await passed(bench, MINUTE_MS)
    expect(await open(bench)).toEqual([])
    bench.network = null
    await bench.verified('default', 'failing', diagnosisOf('smtp_auth_off'))
    await passed(bench, MINUTE_MS)
    expect(await open(bench)).toEqual(['verification'])
  })
})

describe('the limit of a day', () => {
  it('opens an alert until the mailbox may send again, also over a restart', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    await bench.rules.start()
    const news = { profileId: 'default', recipientsPerDay: 10_000, until: START + 40 * MINUTE_MS }
    bench.events.emit('outbox.day_used_up', news)
    await bench.settle()
    const alert = await only(bench)
    expect(alert.summary).toContain('10000 recipients in 24 hours')
    expect(alert.details.join(' ')).toContain('from 2026-11-23 10:40 UTC on')
    await bench.clock.advance(39 * MINUTE_MS)
    expect(await open(bench)).toEqual(['dailyLimitReached'])
    await bench.clock.advance(MINUTE_MS)
    await bench.settle()
    expect(await open(bench)).toEqual([])
    bench.events.emit('outbox.day_used_up', news)
    await bench.settle()
    await bench.restart()
    await bench.rules.start()
    expect(await open(bench)).toEqual(['dailyLimitReached'])
    await bench.clock.advance(2 * HOUR_MS)
    await bench.settle()
    expect(await open(bench)).toEqual([])
  })
})

describe('failed mail that nobody was told of', () => {
  it('opens an alert that ends when an address is set', async () => {
    await using bench = await createBench()
    const previous = profileOf('default', { errorEmailAddress: null })
    await bench.put(previous)
    bench.events.emit('failures.unreported', { profileId: 'default', messages: 3, at: START })
    await bench.settle()
    expect(await only(bench)).toMatchObject({
      kind: 'failuresUntold',
      severity: 'warning',
      summary: '3 messages of profile “default” failed, and nobody was told.',
    })
    const profile = profileOf('default')
    await bench.put(profile)
    const changes = { connectionChanged: false, secretChanged: false, actor: OPERATOR }
    bench.events.emit('profile.changed', { profile, previous, ...changes })
    await bench.settle()
    expect(await open(bench)).toEqual([])
  })

  it('ends by itself after a day without another one', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default', { errorEmailAddress: null }))
    await bench.rules.start()
    const told = async () => {
      const at = bench.clock.now()
      bench.events.emit('failures.unreported', { profileId: 'default', messages: 1, at })
      await bench.settle()
    }
    await told()
    await bench.clock.advance(20 * HOUR_MS)
    await told()
    await bench.clock.advance(20 * HOUR_MS)
    await bench.settle()
    expect(await open(bench)).toEqual(['failuresUntold'])
    await bench.clock.advance(5 * HOUR_MS)
    await bench.settle()
    expect(await open(bench)).toEqual([])
  })

  it('is also that whose report could not be delivered; other failures are the report’s to tell', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    const diagnosis = diagnosisOf('recipient_unknown')
    const base = { id: 'm1', profileId: 'default', diagnosis }
    bench.events.emit('message.failed', { ...base, source: 'relay' })
    await bench.settle()
    expect(await open(bench)).toEqual([])
    bench.events.emit('message.failed', { ...base, source: 'report' })
    await bench.settle()
    expect(await only(bench)).toMatchObject({
      kind: 'failuresUntold',
      summary: `A report about failed messages of profile “default” could not be delivered to its error address. ${diagnosis.summary}`,
    })
  })
})

it('a try of an alert mail has one key, however often it is asked for, and the next try another', async () => {
  await using bench = await createBench()
  await bench.put(profileOf('default'))
  bench.setHealth('default', 'ok')
  const keys: string[] = []
  bench.answer = (_, mail) => {
    keys.push(mail.idempotencyKey)
    return keys.length < 3 ? diagnosisOf('busy') : null
  }
  await bench.verified('default', 'failing', diagnosisOf('smtp_auth_off'))
  bench.setHealth('default', 'ok')
  await bench.deliver()
  await bench.pass(10 * MINUTE_MS)
  expect(keys).toHaveLength(3)
  expect(new Set(keys).size).toBe(3)
})
