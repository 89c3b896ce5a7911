import { Value } from 'typebox/value'
import { describe, expect, it } from 'vitest'
import { ReportSummary } from '../../../src/verification/api.ts'
import { Report } from '../../../src/verification/index.ts'
import { createLatch, eventually, exchangeOnline, probe, profileOf, startBench } from './fakes.ts'

describe('a run of a profile', () => {
  it('is shared by those who ask for it while it is under way', async () => {
    await using bench = await startBench()
    const latch = createLatch()
    bench.smtp.script = async () => {
      await latch.passed
      return probe()
    }
    const first = bench.verification.verify('default', { reason: 'schedule' })
    const second = bench.verification.verify('default', { reason: 'requested' })
    await eventually(() => bench.smtp.underWay === 1)
    latch.open()
    expect((await first).id).toBe((await second).id)
    expect(bench.smtp.probed).toHaveLength(1)
  })

  it('is not shared when a message is wanted, and never runs beside another', async () => {
    await using bench = await startBench()
    const latch = createLatch()
    bench.smtp.script = async (call, { message }) => {
      if (call === 1) await latch.passed
      return probe({ withMessage: message !== undefined })
    }
    const plain = bench.verification.verify('default', { reason: 'schedule' })
    const sending = bench.verification.verify('default', {
      reason: 'requested',
      sendTo: 'it@contoso.com',
    })
    await eventually(() => bench.smtp.underWay === 1)
    latch.open()
    expect((await plain).withMessage).toBe(false)
    expect((await sending).withMessage).toBe(true)
    expect(bench.smtp.mostUnderWay).toBe(1)
  })

  it('goes on for the others when one who waits leaves, and ends when all have left', async () => {
    await using bench = await startBench()
    const latch = createLatch()
    bench.smtp.script = async (_call, { signal }) => {
      await latch.passed
      signal?.throwIfAborted()
      return probe()
    }
    const leaving = new AbortController()
    const stays = bench.verification.verify('default', { reason: 'requested' })
    const leaves = bench.verification.verify('default', {
      reason: 'requested',
      signal: leaving.signal,
    })
    await eventually(() => bench.smtp.underWay === 1)
    leaving.abort(new Error('gone'))
    await expect(leaves).rejects.toThrow('gone')
    latch.open()
    expect((await stays).outcome).toBe('ok')

    const alone = new AbortController()
    const given = { reason: 'requested', signal: alone.signal } as const
    const abandoned = bench.verification.verify('default', given)
    alone.abort(new Error('gone'))
    await expect(abandoned).rejects.toThrow('gone')
    await bench.verification.idle()
    expect(await bench.reportRows()).toHaveLength(1)
  })

  it('begins at once for a profile that was created, and drops what was known of its application', async () => {
    await using bench = await startBench({ profiles: [] })
    const profile = profileOf('new')
    await bench.profiles.put(profile)
    bench.save(profile, undefined)
    await bench.verification.idle()
    expect((await bench.reportRows()).map((row) => row.reason)).toEqual(['saved'])
    expect(bench.tokens.dropped).toHaveLength(1)
  })

  it('drops the tokens of the old and the new application of a changed profile', async () => {
    await using bench = await startBench()
    const previous = profileOf('default')
    const authentication = { ...exchangeOnline, clientId: 'another' }
    const profile = profileOf('default', { authentication })
    await bench.profiles.put(profile)
    bench.save(profile, previous)
    await bench.verification.idle()
    expect(bench.tokens.dropped.map((text) => text.split(' ')[1])).toEqual([
      exchangeOnline.clientId,
      'another',
    ])
  })

  it('begins for every save, and keeps the tokens when the connection is the same', async () => {
    await using bench = await startBench()
    const profile = profileOf('default', { subjectPrefix: 'New ' })
    await bench.profiles.put(profile)
    bench.save(profile, profileOf('default'), false)
    await bench.verification.idle()
    bench.saveUnchanged(profile)
    await bench.verification.idle()
    expect((await bench.reportRows()).map((row) => row.reason)).toEqual(['saved', 'saved'])
    expect(bench.tokens.dropped).toEqual([])
  })

  it('is shared by a save that changes nothing', async () => {
    await using bench = await startBench()
    const latch = createLatch()
    bench.smtp.script = async () => {
      await latch.passed
      return probe()
    }
    const asked = bench.verification.verify('default', { reason: 'requested' })
    await eventually(() => bench.smtp.underWay === 1)
    bench.saveUnchanged(profileOf('default'))
    latch.open()
    const { id } = await asked
    await bench.verification.idle()
    expect((await bench.reportRows()).map((row) => row.id)).toEqual([id])
  })

  it('does not begin for what the agent itself has learned about a secret', async () => {
    await using bench = await startBench()
    bench.learn(profileOf('default', { version: 2 }), profileOf('default'))
    await bench.verification.idle()
    expect(await bench.reportRows()).toEqual([])
  })

  it('drops the tokens of a removed profile', async () => {
    await using bench = await startBench()
    await bench.profiles.drop('default')
    await bench.verification.idle()
    expect(bench.tokens.dropped).toEqual([`${exchangeOnline.tenantId} ${exchangeOnline.clientId}`])
  })

  it('begins again when the settings change under way; nothing of the old ones is stored', async () => {
    await using bench = await startBench()
    const hosts: string[] = []
    const latch = createLatch()
    bench.smtp.script = async (call, { server, signal }) => {
      hosts.push(server.host)
      if (call === 1) {
        await latch.passed
        signal?.throwIfAborted()
      }
      return probe()
    }
    const asked = bench.verification.verify('default', { reason: 'requested' })
    await eventually(() => bench.smtp.underWay === 1)
    const server = { host: 'other.example', port: 587, security: 'starttls' } as const
    const profile = profileOf('default', { server })
    await bench.profiles.put(profile)
    bench.save(profile, profileOf('default'))
    latch.open()
    const report = await asked
    await bench.verification.idle()
    expect(hosts).toEqual(['smtp.office365.com', 'other.example'])
    const rows = await bench.reportRows()
    expect(rows.map((row) => row.id)).toEqual([report.id])
    expect(report.reason).toBe('saved')
  })

  it('makes one run of several quick changes', async () => {
    await using bench = await startBench()
    for (let i = 0; i < 5; i++) bench.save(profileOf('default'), profileOf('default'))
    await bench.verification.idle()
    expect(await bench.reportRows()).toHaveLength(1)
  })

  it('does not send a message twice because the settings change: another run follows', async () => {
    await using bench = await startBench()
    const latch = createLatch()
    bench.smtp.script = async (call, { message }) => {
      if (call === 1) await latch.passed
      return probe({ withMessage: message !== undefined })
    }
    const sending = bench.verification.verify('default', {
      reason: 'requested',
      sendTo: 'it@contoso.com',
    })
    await eventually(() => bench.smtp.underWay === 1)
    bench.save(profileOf('default'), profileOf('default'))
    latch.open()
    await sending
    await bench.verification.idle()
    expect(bench.smtp.probed.map(({ message }) => message !== undefined)).toEqual([true, false])
  })

  it('ends when the profile is removed, and writes nothing', async () => {
    await using bench = await startBench()
    const latch = createLatch()
    bench.smtp.script = async () => {
      await latch.passed
      return probe()
    }
    const run = bench.verification.verify('default', { reason: 'requested' })
    const refused = expect(run).rejects.toMatchObject({ code: 'profile_not_found' })
    await eventually(() => bench.smtp.underWay === 1)
    await bench.profiles.drop('default')
    latch.open()
    await refused
    await bench.verification.idle()
    expect(await bench.reportRows()).toEqual([])
    expect(await bench.healthRows()).toEqual([])
    expect(bench.news['verification.completed']).toEqual([])
    expect(bench.verification.healthOf('default').state).toBe('unknown')
  })

  it('is cut short when the agent stops: nothing is half-written, and the next start goes on', async () => {
    await using bench = await startBench()
    bench.smtp.script = (_call, { signal }) =>
      new Promise((_, reject) =>
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true }),
      )
    const run = bench.verification.verify('default', { reason: 'requested' })
    const ended = expect(run).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'verification_stopped',
    })
    await eventually(() => bench.smtp.underWay === 1)
    await bench.verification[Symbol.asyncDispose]()
    await ended
    expect(await bench.reportRows()).toEqual([])
    expect(await bench.healthRows()).toEqual([])
    await expect(
      bench.verification.verify('default', { reason: 'requested' }),
    ).rejects.toMatchObject({ code: 'verification_stopped' })

    bench.smtp.script = undefined
    await using again = await bench.start()
    expect((await again.verify('default', { reason: 'started' })).outcome).toBe('ok')
  })

  it('stores report and health together or not at all', async () => {
    await using bench = await startBench()
    await bench.storage.db.schema.dropTable('profile_health').execute()
    await expect(bench.verification.verify('default', { reason: 'requested' })).rejects.toThrow()
    expect(await bench.reportRows()).toEqual([])
    expect(bench.verification.healthOf('default').state).toBe('unknown')
    expect(bench.news['verification.completed']).toEqual([])
  })

  it('refuses a profile that does not exist', async () => {
    await using bench = await startBench()
    await expect(
      bench.verification.verify('nobody', { reason: 'requested' }),
    ).rejects.toMatchObject({ code: 'profile_not_found' })
  })
})

describe('stored reports', () => {
  it('are listed newest first, page by page, and read whole', async () => {
    await using bench = await startBench()
    const ids: string[] = []
    for (let i = 0; i < 5; i++) {
      ids.unshift((await bench.verification.verify('default', { reason: 'requested' })).id)
      await bench.clock.advance(1_000)
    }
    const first = await bench.verification.reports('default', { limit: 2 })
    expect(first.map(({ id }) => id)).toEqual(ids.slice(0, 2))
    const before = Date.parse(first.at(-1)?.startedAt ?? '')
    const second = await bench.verification.reports('default', { limit: 10, before })
    expect(second.map(({ id }) => id)).toEqual(ids.slice(2))
    expect(first[0]).not.toHaveProperty('checks')

    const whole = await bench.verification.report(ids[0] ?? '')
    expect(Value.Check(Report, whole)).toBe(true)
    expect(whole.checks.length).toBeGreaterThan(5)
  })

  it('of which one is damaged are listed all the same, on every page', async () => {
    await using bench = await startBench()
    const ids: string[] = []
    for (let i = 0; i < 3; i++) {
      ids.unshift((await bench.verification.verify('default', { reason: 'requested' })).id)
      await bench.clock.advance(1_000)
    }
    const listed = (await bench.verification.reports('default', { limit: 10 })).map((summary) =>
      summary.id === ids[1] ? { ...summary, tokenFacts: null } : summary,
    )
    for (const body of ['{"half', '{}', 'null', '']) {
      await bench.storage.db
        .updateTable('report')
        .set({ body })
        .where('id', '=', ids[1] ?? '')
        .execute()
      expect(await bench.verification.reports('default', { limit: 10 })).toEqual(listed)
    }
    await expect(bench.verification.report(ids[1] ?? '')).rejects.toMatchObject({
      code: 'report_unreadable',
    })
  })

  it('say in the list whether a message was handed over, and what the token said', async () => {
    await using bench = await startBench()
    await bench.verification.verify('default', { reason: 'requested', sendTo: 'it@contoso.com' })
    const [summary] = await bench.verification.reports('default', { limit: 1 })
    expect(Value.Check(ReportSummary, summary)).toBe(true)
    expect(summary).toMatchObject({ withMessage: true, durationMs: 0, outcome: 'ok' })
    const { tokenFacts } = await bench.verification.report(summary?.id ?? '')
    expect(tokenFacts).not.toBeNull()
    expect(summary?.tokenFacts).toEqual(tokenFacts)
  })

  it('that do not exist are not found', async () => {
    await using bench = await startBench()
    await expect(bench.verification.report('x')).rejects.toMatchObject({
      kind: 'not_found',
      code: 'report_not_found',
    })
  })
})
