import { describe, expect, it } from 'vitest'
import type { AlertSummary } from '../../../src/alerts/index.ts'
import type { Hold, QueueCounts } from '../../../src/outbox/index.ts'
import { createEventBus } from '../../../src/platform/events.ts'
import { createLogger } from '../../../src/platform/logger.ts'
import type { Profile } from '../../../src/profiles/profile.ts'
import { createMetrics, createStatusBoard, type StatusEvents } from '../../../src/status/index.ts'
import type { Health, LastTestEmail, NetworkProblem } from '../../../src/verification/index.ts'
import { createFakeClock } from '../../support/clock.ts'
import {
  at,
  diagnosisOf,
  networkDiagnosis,
  profileOf,
  START,
  secretOf,
} from '../alerts/alerts-bench.ts'

const QUIET: AlertSummary = { open: 0, undelivered: 0 }

function bench(profiles: readonly Profile[] = [profileOf('default')]) {
  const clock = createFakeClock(START)
  const log = createLogger({ level: 'silent', destination: { write: () => {} } })
  const events = createEventBus<StatusEvents>({ log })
  const state = {
    network: null as NetworkProblem | null,
    alerts: new Map<string | null, AlertSummary>(),
    health: {} as Partial<Health>,
    syncProblems: [] as readonly string[],
    queue: { queued: 0, held: 0, oldestAcceptedAt: null } as QueueCounts,
    holds: [] as readonly Hold[],
    orphaned: [] as readonly string[],
    testEmail: undefined as LastTestEmail | undefined,
    relay: { address: null, problem: null } as {
      address: { host: string; port: number } | null
      problem: string | null
    },
  }
  const board = createStatusBoard({
    profiles: { list: () => profiles },
    verification: {
      healthOf: (profileId) => ({
        profileId,
        state: 'ok',
        since: START,
        failuresInRow: 0,
        lastVerifiedAt: START,
        lastSucceededAt: START,
        lastDeliveredAt: null,
        lastReportId: null,
        diagnosis: null,
        ...state.health,
      }),
      networkProblem: () => state.network,
    },
    testEmails: { lastOf: () => state.testEmail },
    alerts: {
      summaryOf: (profileId) => state.alerts.get(profileId) ?? QUIET,
      hasIndependentPath: () => false,
    },
    outbox: {
      queueOf: () => state.queue,
      holdsOf: () => state.holds,
      orphaned: () => state.orphaned,
    },
    relay: { address: () => state.relay.address, problem: () => state.relay.problem },
    syncProblems: () => state.syncProblems,
    events,
    clock,
    version: '1.2.3',
  })
  return {
    board,
    events,
    clock,
    state,
    metrics: createMetrics({ board, events, version: '1.2.3' }),
  }
}

describe('the status', () => {
  it('is ok while nothing is wrong', () => {
    const { board } = bench()
    expect(board.current()).toMatchObject({
      status: 'ok',
      problems: [],
      openAlerts: 0,
      undeliveredAlerts: 0,
    })
    expect(JSON.parse(board.currentJson())).toEqual(board.current())
  })

  it('counts the alerts of the agent itself, and warns while one of them could not be mailed', async () => {
    const { board, state, metrics } = bench()
    state.alerts.set(null, { open: 2, undelivered: 1 })
    expect(board.current()).toMatchObject({
      status: 'warning',
      openAlerts: 2,
      undeliveredAlerts: 1,
      profiles: [{ openAlerts: 0, undeliveredAlerts: 0 }],
    })
    const { text } = await metrics.render()
    expect(text).toContain('\npostern_agent_open_alerts 2\n')
    expect(text).toContain('\npostern_agent_undelivered_alerts 1\n')
  })

  it('warns while the mail of a profile’s alert waits', () => {
    const { board, state } = bench()
    state.alerts.set('default', { open: 1, undelivered: 1 })
    expect(board.current()).toMatchObject({
      status: 'warning',
      openAlerts: 0,
      profiles: [{ openAlerts: 1, undeliveredAlerts: 1 }],
    })
  })

  it('names removed profiles whose mail still waits', () => {
    const { board, state, events } = bench()
    state.orphaned = ['scanners']
    state.queue = { queued: 0, held: 12, oldestAcceptedAt: START }
    expect(board.current()).toMatchObject({
      status: 'warning',
      problems: ['12 messages of the removed profile “scanners” wait and cannot be sent.'],
    })
    state.orphaned = []
    events.emit('outbox.changed', { profileId: 'scanners' })
    expect(board.current()).toMatchObject({ status: 'ok', problems: [] })
  })

  it('says of a network problem what it is: of all profiles, not of one', () => {
    const { board, state } = bench()
    const diagnosis = networkDiagnosis()
    state.network = { since: START, profiles: 3, diagnosis }
    const { status, problems } = board.current()
    expect(status).toBe('failing')
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatch(/^None of the 3 profiles reaches its servers: /)
    expect(problems[0]).not.toContain(diagnosis.summary)
  })

  it('shows the problems of the settings file and fails with a failing profile', () => {
    const { board, state } = bench()
    state.syncProblems = ['postern.yaml:1:1: no']
    state.health = { state: 'failing', diagnosis: networkDiagnosis() }
    expect(board.current()).toMatchObject({
      status: 'failing',
      problems: ['postern.yaml:1:1: no'],
      profiles: [{ health: 'failing', problem: { code: 'smtp_connect_failed' } }],
    })
  })

  it('shows what became of the last test email, at once and without judging the profile by it', () => {
    const { board, events, state } = bench()
    expect(board.current().profiles[0]?.lastTestEmail).toBeNull()
    const sent = { recipient: 'it@contoso.com', at: START, reply: null }
    state.testEmail = { ...sent, diagnosis: networkDiagnosis() }
    events.emit('test_email.ended', { profileId: 'default', ...state.testEmail })
    const { code, summary } = networkDiagnosis()
    expect(board.current()).toMatchObject({
      status: 'ok',
      profiles: [
        { lastTestEmail: { at: '2026-11-23T10:00:00.000Z', outcome: 'refused', code, summary } },
      ],
    })
  })

  it('says at once where the relay listens, and is ok while it is off', () => {
    const { board, events, state } = bench()
    expect(board.current()).toMatchObject({
      status: 'ok',
      relay: { address: null, problem: null },
    })
    const listensOn = (host: string, port: number) => {
      state.relay = { address: { host, port }, problem: null }
      events.emit('relay.changed', { address: `${host}:${port}`, problem: null })
      return board.current()
    }
    expect(listensOn('127.0.0.1', 2587)).toMatchObject({
      status: 'ok',
      relay: { address: '127.0.0.1:2587' },
    })
    expect(listensOn('::1', 2588).relay).toEqual({ address: '[::1]:2588', problem: null })
  })

  it('warns while the relay cannot do its work, and says why', () => {
    const { board, events, state } = bench()
    expect(board.current().status).toBe('ok')
    const problem = 'The SMTP relay cannot listen on 127.0.0.1:2587: another program uses it.'
    state.relay = { address: null, problem }
    events.emit('relay.changed', { address: null, problem })
    expect(board.current()).toMatchObject({ status: 'warning', relay: { address: null, problem } })
    // With the former certificate it still listens.
    state.relay = { address: { host: '127.0.0.1', port: 2587 }, problem }
    events.emit('relay.changed', { address: '127.0.0.1:2587', problem })
    expect(board.current()).toMatchObject({
      status: 'warning',
      relay: { address: '127.0.0.1:2587', problem },
    })
  })

  it('is put together again only after news, or on a new day', () => {
    const expiresAt = at('2027-05-01T23:59:59.999Z')
    const profile = profileOf('default', { credential: secretOf({ expiresAt }) })
    const { board, events, clock, state } = bench([profile])
    clock.set(at('2027-05-01T10:00:00Z'))
    const first = board.current()
    expect(first.profiles[0]?.credential?.daysLeft).toBe(0)
    state.alerts.set(null, { open: 1, undelivered: 0 })
    expect(board.current()).toBe(first)
    events.emit('network.recovered', { at: START })
    expect(board.current().openAlerts).toBe(1)
    clock.set(at('2027-05-02T00:00:00Z'))
    expect(board.current().profiles[0]?.credential?.daysLeft).toBe(-1)
  })
})

describe('mail that waits', () => {
  const held = (sender: string): Hold => ({
    profileId: 'default',
    sender,
    since: START,
    diagnosis: diagnosisOf('mailbox_permission_missing'),
    nextProbeAt: START + 60_000,
    probes: 0,
  })

  it('is counted, and its age grows without any news', async () => {
    const { board, events, clock, state, metrics } = bench()
    expect(board.current().profiles[0]?.queue).toEqual({
      queued: 0,
      held: 0,
      oldestAgeSeconds: null,
    })
    state.queue = { queued: 3, held: 1, oldestAcceptedAt: START - 90_500 }
    events.emit('outbox.changed', { profileId: 'default' })
    expect(board.current()).toMatchObject({
      status: 'ok',
      profiles: [{ queue: { queued: 3, held: 1, oldestAgeSeconds: 90 } }],
    })
    const first = board.currentJson()
    expect(board.currentJson()).toBe(first)
    clock.set(START + 1_000)
    expect(board.current().profiles[0]?.queue.oldestAgeSeconds).toBe(91)
    // The clock was set back: nothing is older than nothing.
    clock.set(START - 3_600_000)
    expect(board.current().profiles[0]?.queue.oldestAgeSeconds).toBe(0)
    clock.set(START + 1_000)
    const { text } = await metrics.render()
    expect(text).toContain('\npostern_queue_messages{profile="default",state="queued"} 3\n')
    expect(text).toContain('\npostern_queue_messages{profile="default",state="held"} 1\n')
    expect(text).toContain('\npostern_queue_oldest_age_seconds{profile="default"} 91\n')
  })

  it.each(['', 'erp@contoso.com'])(
    'for a repair (sender “%s”) is failing although the login works, and says why',
    (sender) => {
      const { board, events, state } = bench()
      expect(board.current().status).toBe('ok')
      const hold = held(sender)
      state.holds = [hold]
      events.emit('outbox.held', { hold, waiting: 1 })
      expect(board.current()).toMatchObject({
        status: 'failing',
        profiles: [
          {
            health: 'ok',
            problem: {
              code: 'mailbox_permission_missing',
              summary: 'Summary of mailbox_permission_missing.',
              responsible: 'exchangeAdministrator',
              remedy: 'Remedy of mailbox_permission_missing.',
            },
          },
        ],
      })
      state.holds = []
      events.emit('outbox.released', { profileId: 'default', sender, at: START })
      expect(board.current()).toMatchObject({ status: 'ok', profiles: [{ problem: null }] })
    },
  )

  it('that has ended is counted by source and outcome, and delivered mail by its time', async () => {
    const { events, metrics } = bench()
    const base = { id: 'm1', profileId: 'default', acceptedAt: START, finishedAt: START + 2_500 }
    events.emit('message.finished', { ...base, source: 'relay', outcome: 'delivered' })
    events.emit('message.finished', { ...base, source: 'relay', outcome: 'delivered' })
    events.emit('message.finished', { ...base, source: 'api', outcome: 'failed' })
    const { text } = await metrics.render()
    expect(text).toContain('\npostern_messages_total{source="relay",outcome="delivered"} 2\n')
    expect(text).toContain('\npostern_messages_total{source="api",outcome="failed"} 1\n')
    expect(text).toContain('\npostern_message_delivery_seconds_bucket{le="1"} 0\n')
    expect(text).toContain('\npostern_message_delivery_seconds_bucket{le="5"} 2\n')
    expect(text).toContain('\npostern_message_delivery_seconds_sum 5\n')
  })
})
