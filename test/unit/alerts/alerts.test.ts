import { describe, expect, it } from 'vitest'
import { DAY_MS, HOUR_MS, MINUTE_MS, toIso } from '../../../src/platform/clock.ts'
import { createBench, diagnosisOf, OPERATOR, problemOf, profileOf, START } from './alerts-bench.ts'

const only = <T>(list: readonly T[]): T => {
  const [first, ...rest] = list
  if (first === undefined || rest.length > 0) throw new Error(`${list.length} instead of one`)
  return first
}

describe('alerts', () => {
  it('opens a problem once, however often it is reported at the same time', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    await Promise.all(Array.from({ length: 20 }, () => bench.alerts.open(problemOf())))
    await Promise.all([bench.deliver(), bench.deliver()])
    expect(bench.subjects()).toEqual(['[default] Profile “default” cannot send mail.'])
    expect(await bench.alerts.list({ limit: 100 })).toHaveLength(1)
    expect(bench.alerts.summaryOf('default')).toEqual({ open: 1, undelivered: 0 })
  })

  it('reminds at the interval with the time since when it is broken', async () => {
    await using bench = await createBench({ reminderIntervalMs: 6 * HOUR_MS })
    await bench.put(profileOf('default'))
    await bench.alerts.open(problemOf())
    await bench.deliver()
    bench.mails()
    await bench.pass(13 * HOUR_MS)
    const reminders = bench.mails()
    expect(reminders.map(({ date }) => (date - START) / HOUR_MS)).toEqual([6, 12])
    expect(reminders[0]?.subject).toBe(
      '[default] Still broken: Profile “default” cannot send mail.',
    )
    expect(reminders[0]?.text).toContain('Still broken since: 2026-11-23 10:00 UTC')
  })

  it('never reminds faster than once an hour', async () => {
    await using bench = await createBench({ reminderIntervalMs: 1 })
    await bench.put(profileOf('default'))
    await bench.alerts.open(problemOf())
    await bench.pass(3 * HOUR_MS + 30 * MINUTE_MS)
    const times = bench.mails().map(({ date }) => date)
    expect(times).toHaveLength(4)
    expect(Math.min(...times.slice(1).map((time, i) => time - (times[i] ?? 0)))).toBe(HOUR_MS)
  })

  it('mails at most once an hour about a problem that flaps', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    for (let minute = 0; minute < 300; minute += 10) {
      await bench.alerts.open(problemOf())
      await bench.pass(5 * MINUTE_MS)
      await bench.alerts.resolve('verification:default', 'It works again.')
      await bench.pass(5 * MINUTE_MS)
    }
    const times = bench.mails().map(({ date }) => date)
    // The first all-clear comes at once; from then on the problem flaps.
    const gaps = times.slice(2).map((time, i) => time - (times[i + 1] ?? 0))
    expect(gaps.length).toBeGreaterThan(0)
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(HOUR_MS)
    expect(await bench.alerts.list({ limit: 100 })).toHaveLength(1)
  })

  it('keeps an undelivered mail over restarts and delivers it once when the profile works', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    bench.setHealth('default', 'failing', diagnosisOf('auth_refused'))
    await bench.alerts.open(problemOf({ kind: 'credentialEnded', problem: 'credential:default' }))
    await bench.deliver()
    await bench.restart()
    await bench.pass(30 * MINUTE_MS)
    expect(bench.mails()).toEqual([])
    expect(bench.alerts.summaryOf('default')).toEqual({ open: 1, undelivered: 1 })
    const waiting = only(await bench.alerts.list({ state: 'open', limit: 10 })).notification
    expect(waiting.state).toBe('pending')
    expect(waiting.lastError).toContain('No working profile can carry a mail')
    await bench.restart()
    bench.setHealth('default', 'ok')
    await bench.alerts.pathWorks('default')
    await bench.deliver()
    await bench.restart()
    await bench.pass(2 * HOUR_MS)
    expect(bench.mails()).toHaveLength(1)
    expect(bench.alerts.summaryOf('default')).toEqual({ open: 1, undelivered: 0 })
  })

  it('sends through a working profile with the same address while its own fails', async () => {
    await using bench = await createBench()
    const errorEmailAddress = 'IT@contoso.com'
    await bench.put(profileOf('default', { errorEmailAddress }))
    await bench.put(profileOf('foreign'))
    await bench.put(profileOf('unproven', { errorEmailAddress }))
    await bench.put(profileOf('sibling', { errorEmailAddress: 'it@contoso.com' }))
    bench.setHealth('default', 'failing', diagnosisOf('auth_refused'))
    bench.setHealth('foreign', 'ok')
    bench.setHealth('sibling', 'ok')
    await bench.alerts.open(problemOf())
    await bench.deliver()
    const mail = only(bench.mails())
    expect(mail).toMatchObject({
      through: 'sibling',
      to: ['IT@contoso.com'],
      from: { address: 'sibling@contoso.com' },
    })
    expect(mail.subject).toMatch(/^\[default] /)
    expect(bench.alerts.hasIndependentPath('default')).toBe(true)
    expect(bench.alerts.hasIndependentPath('foreign')).toBe(false)
  })

  it('tells an alert of the agent itself to every error address once', async () => {
    await using bench = await createBench()
    for (let i = 0; i < 60; i++) {
      const errorEmailAddress = i % 3 === 0 ? null : `team-${i % 30}@contoso.com`
      await bench.put(profileOf(`p${i}`, { errorEmailAddress }))
      bench.setHealth(`p${i}`, 'ok')
    }
    await bench.alerts.open(problemOf({ problem: 'network', kind: 'network', profileId: null }))
    await bench.deliver()
    const mails = bench.mails()
    expect(mails).toHaveLength(20)
    expect(new Set(mails.flatMap(({ to }) => to)).size).toBe(20)
    for (const { through, to } of mails) {
      expect(bench.find(through)?.errorEmailAddress).toBe(to[0])
    }
    expect(bench.alerts.summaryOf(null)).toEqual({ open: 1, undelivered: 0 })
  })

  it('follows the error address to its new reader, and drops the mail when nobody reads any more', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    bench.answer = () => diagnosisOf('busy')
    await bench.alerts.open(problemOf())
    await bench.deliver()
    bench.answer = () => null
    await bench.put(profileOf('default', { errorEmailAddress: 'new@contoso.com' }))
    await bench.pass(2 * MINUTE_MS)
    expect(only(bench.mails()).to).toEqual(['new@contoso.com'])
    await bench.put(profileOf('default', { errorEmailAddress: null }))
    await bench.pass(25 * HOUR_MS)
    expect(bench.mails()).toEqual([])
  })

  it('mails an alert that opened without an address as soon as one is set', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default', { errorEmailAddress: null }))
    await bench.alerts.open(problemOf())
    await bench.deliver()
    expect(only(await bench.alerts.list({ limit: 9 })).notification.state).toBe('none')
    await bench.put(profileOf('default'))
    await bench.deliver()
    expect(bench.subjects()).toHaveLength(1)
  })

  it('repeats a mail with the same Message-ID after a crash before it was recorded', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    await bench.alerts.open(problemOf())
    await bench.deliver()
    await bench.storage.db
      .updateTable('alert_notification')
      .set({ state: 'pending', delivered_at: null })
      .execute()
    await bench.restart()
    await bench.deliver()
    const ids = bench.mails().map(({ messageId }) => messageId)
    expect(ids).toHaveLength(2)
    expect(ids[0]).toBe(ids[1])
    expect(ids[0]).toMatch(/^<postern-alert\.[0-9a-f-]{36}@contoso\.com>$/)
  })

  it('does not send again what left while the store could not record it', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    await bench.alerts.open(problemOf())
    await bench.storage.db.schema.alterTable('alert_notification').renameTo('away').execute()
    await expect(bench.deliver()).rejects.toThrow('alert_notification')
    await expect(bench.deliver()).rejects.toThrow('alert_notification')
    await bench.storage.db.schema.alterTable('away').renameTo('alert_notification').execute()
    await bench.deliver()
    expect(bench.mails()).toHaveLength(1)
    expect(bench.alerts.summaryOf('default').undelivered).toBe(0)
  })

  it('says by whom it was acknowledged, once, and records it', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    await bench.alerts.open(problemOf())
    await bench.deliver()
    bench.mails()
    const { id } = only(await bench.alerts.list({ limit: 9 }))
    const alert = await bench.alerts.acknowledge(id, OPERATOR)
    await bench.alerts.acknowledge(id, OPERATOR)
    expect(alert).toMatchObject({ state: 'acknowledged', acknowledgedBy: 'Olga' })
    expect(only(bench.audited)).toMatchObject({
      actor: OPERATOR,
      action: 'alert.acknowledged',
      target: { type: 'alert', id },
    })
    await bench.restart()
    await bench.pass(3 * DAY_MS)
    expect(bench.mails()).toEqual([])
    await bench.alerts.open(problemOf({ diagnosis: diagnosisOf('other') }))
    await bench.deliver()
    expect(bench.mails()).toHaveLength(1)
    expect((await bench.alerts.get(id)).state).toBe('open')
  })

  it('is quiet until the silence ends, and tells then what waited', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    await bench.alerts.open(problemOf())
    const { id } = only(await bench.alerts.list({ limit: 9 }))
    const until = toIso(START + 6 * HOUR_MS)
    const input = { until, reason: 'Maintenance\r\nBcc: x@y' }
    const alert = await bench.alerts.silence(id, input, OPERATOR)
    expect(alert).toMatchObject({
      state: 'silenced',
      silencedUntil: until,
      silenceReason: 'Maintenance Bcc: x@y',
    })
    expect(only(bench.audited)).toMatchObject({ action: 'alert.silenced' })
    expect(bench.alerts.summaryOf('default')).toEqual({ open: 1, undelivered: 0 })
    await bench.pass(5 * HOUR_MS)
    expect(bench.mails()).toEqual([])
    await bench.pass(1 * HOUR_MS)
    expect(bench.mails()).toHaveLength(1)
  })

  it('gives the all-clear when the silence ends, to those who were told before it', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    await bench.alerts.open(problemOf())
    await bench.deliver()
    bench.mails()
    const { id } = only(await bench.alerts.list({ limit: 9 }))
    const until = toIso(START + 6 * HOUR_MS)
    await bench.alerts.silence(id, { until, reason: 'Known' }, OPERATOR)
    await bench.alerts.resolve('verification:default', 'Fine.')
    await bench.restart()
    await bench.pass(5 * HOUR_MS)
    expect(bench.mails()).toEqual([])
    await bench.pass(1 * HOUR_MS)
    expect(bench.subjects()).toEqual(['[default] Resolved: profile “default” can send mail again'])
  })

  it.each([false, true])(
    'speaks at once when its silence is ended (resolved: %s)',
    async (over) => {
      await using bench = await createBench()
      await bench.put(profileOf('default'))
      await bench.alerts.open(problemOf())
      if (over) await bench.deliver()
      const { id } = only(await bench.alerts.list({ limit: 9 }))
      await bench.alerts.silence(id, { until: '2026-12-05', reason: 'Known' }, OPERATOR)
      if (over) await bench.alerts.resolve('verification:default', 'Fine.')
      bench.mails()
      await bench.deliver()
      expect(bench.mails()).toEqual([])
      const alert = await bench.alerts.unsilence(id, OPERATOR)
      await bench.alerts.unsilence(id, OPERATOR)
      expect(alert).toMatchObject({
        state: over ? 'resolved' : 'open',
        silencedUntil: null,
        silenceReason: null,
      })
      await bench.deliver()
      expect(bench.mails()).toHaveLength(1)
      expect(bench.audited.map(({ action }) => action)).toEqual([
        'alert.silenced',
        'alert.unsilenced',
      ])
      expect(bench.audited[1]).toMatchObject({
        actor: OPERATOR,
        before: { silenceReason: 'Known' },
        after: { silencedUntil: null },
      })
    },
  )

  it('drops an all-clear that still waits when the problem comes back as a new alert', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    await bench.alerts.open(problemOf())
    await bench.deliver()
    bench.mails()
    bench.answer = () => diagnosisOf('busy')
    await bench.alerts.resolve('verification:default', 'Fine.')
    await bench.pass(2 * HOUR_MS)
    bench.answer = () => null
    await bench.alerts.open(problemOf())
    await bench.pass(2 * HOUR_MS)
    expect(bench.subjects()).toEqual(['[default] Profile “default” cannot send mail.'])
  })

  it('tells what could not be mailed to the present reader, or to nobody', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    bench.answer = () => diagnosisOf('busy')
    await bench.alerts.open(problemOf())
    await bench.deliver()
    await bench.alerts.resolve('verification:default', 'Fine.')
    bench.answer = () => null
    await bench.put(profileOf('default', { errorEmailAddress: 'new@contoso.com' }))
    await bench.deliver()
    const mail = only(bench.mails())
    expect(mail.to).toEqual(['new@contoso.com'])
    expect(mail.text).toContain('This could not be mailed before')
  })

  it.each(['tomorrow', '2026-11-23', '2026-11-23T09:59:59Z', '2028-01-01', ''])(
    'does not take %j as the end of a silence',
    async (until) => {
      await using bench = await createBench()
      await bench.put(profileOf('default'))
      await bench.alerts.open(problemOf())
      const { id } = only(await bench.alerts.list({ limit: 9 }))
      const silence = bench.alerts.silence(id, { until, reason: 'x' }, OPERATOR)
      await expect(silence).rejects.toMatchObject({
        kind: 'invalid',
        code: 'silence_until_invalid',
      })
      expect(bench.audited).toEqual([])
    },
  )

  it('refuses to acknowledge what is over or was never there', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    await bench.alerts.open(problemOf())
    const { id } = only(await bench.alerts.list({ limit: 9 }))
    await bench.alerts.resolve('verification:default', 'Fine.')
    await expect(bench.alerts.acknowledge(id, OPERATOR)).rejects.toMatchObject({
      code: 'alert_resolved',
    })
    await expect(bench.alerts.get('nope')).rejects.toMatchObject({ code: 'alert_not_found' })
  })

  it('filters the list by state and profile, newest first', async () => {
    await using bench = await createBench()
    for (const id of ['a', 'b']) {
      await bench.put(profileOf(id))
      bench.clock.set(bench.clock.now() + MINUTE_MS)
      await bench.alerts.open(problemOf({ problem: `verification:${id}`, profileId: id }))
    }
    await bench.alerts.resolve('verification:a', 'Fine.')
    const ids = async (filter: { state?: 'open' | 'resolved'; profileId?: string }) =>
      (await bench.alerts.list({ ...filter, limit: 9 })).map(({ profileId }) => profileId)
    expect(await ids({})).toEqual(['b', 'a'])
    expect(await ids({ state: 'open' })).toEqual(['b'])
    expect(await ids({ state: 'resolved' })).toEqual(['a'])
    expect(await ids({ profileId: 'a' })).toEqual(['a'])
    expect(await bench.alerts.list({ limit: 1 })).toHaveLength(1)
  })

  it('works by itself after start, retries, removes old alerts after a year, and ends when closed', async () => {
    const bench = await createBench()
    await bench.put(profileOf('default'))
    await bench.alerts.open(problemOf())
    await bench.alerts.resolve('verification:default', 'Fine.')
    bench.clock.set(START + 2 * HOUR_MS)
    bench.answer = () => new Error('socket closed')
    bench.alerts.start()
    await bench.clock.untilSleeping()
    await bench.alerts.open(problemOf())
    await bench.settle()
    expect(bench.mails()).toEqual([])
    bench.answer = () => null
    await bench.clock.advance(2 * MINUTE_MS)
    expect(bench.mails()).toHaveLength(1)
    expect(await bench.alerts.list({ limit: 9 })).toHaveLength(2)
    bench.clock.set(START + 366 * DAY_MS)
    await bench.clock.advance(MINUTE_MS)
    expect(await bench.alerts.list({ limit: 9 })).toHaveLength(1)
    await bench[Symbol.asyncDispose]()
    expect(bench.clock.sleepers).toBe(0)
  })

  it('writes one log line for opened, delivered and resolved, and publishes each', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    const heard: string[] = []
    for (const name of ['alert.opened', 'alert.notified', 'alert.resolved'] as const) {
      bench.events.on(name, ({ alert }) => {
        heard.push(`${name} ${alert.state}`)
      })
    }
    await bench.alerts.open(problemOf())
    await bench.deliver()
    await bench.alerts.resolve('verification:default', 'Fine.')
    await bench.settle()
    expect(heard).toEqual(['alert.opened open', 'alert.notified open', 'alert.resolved resolved'])
    const messages = bench.log.map((line) => /"msg":"([^"]*)"/.exec(line)?.[1])
    for (const message of ['alert opened', 'alert mail delivered', 'alert resolved']) {
      expect(messages.filter((each) => each === message)).toHaveLength(1)
    }
  })
})
