import { describe, expect, it } from 'vitest'
import { CLOUDS } from '../../../src/entra/index.ts'
import { DAY_MS, HOUR_MS, MINUTE_MS } from '../../../src/platform/clock.ts'
import type { Profile } from '../../../src/profiles/profile.ts'
import type { Report } from '../../../src/verification/index.ts'
import {
  type AlertsBench,
  at,
  createBench,
  diagnosisOf,
  networkDiagnosis,
  OPERATOR,
  profileOf,
  START,
  secretOf,
} from './alerts-bench.ts'

const ENDED = diagnosisOf('secret_expired')

async function openOf(bench: AlertsBench): Promise<string[]> {
  const open = await bench.alerts.list({ state: 'open', limit: 1000 })
  return open.map(({ kind, severity, profileId }) => `${kind} ${severity} ${profileId}`).sort()
}

function withSecret(end: string | null, changes: Partial<Profile> = {}): Profile {
  const expiresAt = end === null ? null : at(end)
  return profileOf('default', { credential: secretOf({ expiresAt }), ...changes })
}

async function expiring(bench: AlertsBench, thresholdDays: number): Promise<void> {
  const { credential } = bench.find('default') ?? {}
  bench.events.emit('credential.expiring', {
    profileId: 'default',
    credentialId: credential?.id ?? '',
    expiresAt: credential?.expiresAt ?? 0,
    daysLeft: 0,
    thresholdDays,
  })
  await bench.settle()
}

async function expired(bench: AlertsBench, proven: boolean): Promise<void> {
  bench.events.emit('credential.expired', {
    profileId: 'default',
    credentialId: 'c1',
    expiresAt: 0,
    daysLeft: 0,
    proven,
  })
  await bench.settle()
}

async function saved(bench: AlertsBench, profile: Profile): Promise<void> {
  const previous = bench.find(profile.id)
  await bench.put(profile)
  if (previous === undefined) throw new Error('not there yet')
  bench.events.emit('profile.changed', {
    profile,
    previous,
    connectionChanged: true,
    secretChanged: true,
    actor: OPERATOR,
  })
  await bench.settle()
}

async function renewed(bench: AlertsBench): Promise<void> {
  bench.events.emit('credential.renewed', { profileId: 'default', credentialId: 'c2' })
  await bench.settle()
}

describe('alerts about verification', () => {
  it('open when a profile fails and end with the all-clear when it works', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    await bench.verified('default', 'failing', diagnosisOf('auth_refused'))
    expect(await openOf(bench)).toEqual(['verification critical default'])
    bench.setHealth('default', 'ok')
    await bench.deliver()
    await bench.verified('default', 'ok')
    bench.events.emit('verification.completed', {
      report: REPORT,
      health: bench.healthOf('default'),
    })
    await bench.settle()
    await bench.deliver()
    expect(await openOf(bench)).toEqual([])
    expect(bench.subjects()).toEqual([
      '[default] Profile “default” cannot send mail. Summary of auth_refused.',
      '[default] Resolved: profile “default” can send mail again',
    ])
  })

  it('tell in one mail what happened when none could leave before the profile works again', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    bench.alerts.start()
    await bench.verified('default', 'failing', diagnosisOf('auth_refused'))
    expect(bench.alerts.summaryOf('default')).toEqual({ open: 1, undelivered: 1 })
    await bench.verified('default', 'ok')
    const mails = bench.mails()
    expect(mails.map(({ subject, through }) => `${through}: ${subject}`)).toEqual([
      'default: [default] Resolved: profile “default” can send mail again',
    ])
    expect(mails[0]?.text).toContain('This could not be mailed before; it works again.')
    expect(await openOf(bench)).toEqual([])
    await bench.pass(3 * HOUR_MS)
    expect(bench.mails()).toEqual([])
  })

  it('send what waits for the same address as soon as a sibling works', async () => {
    await using bench = await createBench()
    const errorEmailAddress = 'it@contoso.com'
    await bench.put(profileOf('default', { errorEmailAddress }))
    await bench.put(profileOf('sibling', { errorEmailAddress }))
    bench.alerts.start()
    await bench.verified('default', 'failing', diagnosisOf('auth_refused'))
    expect(bench.mails()).toEqual([])
    await bench.verified('sibling', 'ok')
    expect(bench.mails().map(({ through }) => through)).toEqual(['sibling'])
  })

  it('change their diagnosis in place', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    await bench.verified('default', 'failing', diagnosisOf('auth_refused'))
    await bench.verified('default', 'failing', diagnosisOf('smtp_auth_off'))
    const [alert, ...more] = await bench.alerts.list({ limit: 9 })
    expect(alert?.diagnosis?.code).toBe('smtp_auth_off')
    expect(more).toEqual([])
  })

  it.each(['ok', 'warning', 'unknown'] as const)(
    'do not open when the health is %s',
    async (state) => {
      await using bench = await createBench()
      await bench.put(profileOf('default'))
      await bench.verified('default', state, state === 'warning' ? diagnosisOf('busy') : null)
      expect(await openOf(bench)).toEqual([])
    },
  )

  it('open at the start when the process died after the health was stored', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    bench.setHealth('default', 'failing', diagnosisOf('auth_refused'))
    await bench.restart()
    await bench.rules.start()
    await bench.rules.start()
    expect(await openOf(bench)).toEqual(['verification critical default'])
    bench.setHealth('default', 'ok')
    await bench.restart()
    await bench.rules.start()
    expect(await openOf(bench)).toEqual([])
  })

  it('go away with their profile', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    await bench.verified('default', 'failing', diagnosisOf('auth_refused'))
    await bench.remove('default')
    await bench.deliver()
    expect(await bench.alerts.list({ limit: 9 })).toEqual([])
    expect(bench.alerts.summaryOf('default')).toEqual({ open: 0, undelivered: 0 })
    await bench.verified('default', 'failing', diagnosisOf('other'))
    expect(await openOf(bench)).toEqual([])
  })
})

describe('the alert about the network', () => {
  const problem = { since: START, profiles: 3, diagnosis: networkDiagnosis() }

  it('stands for those of all profiles, takes in those that opened before, and ends with it', async () => {
    await using bench = await createBench()
    for (const id of ['a', 'b', 'c']) await bench.put(profileOf(id))
    bench.alerts.start()
    await bench.verified('a', 'failing', networkDiagnosis())
    await bench.verified('b', 'failing', networkDiagnosis())
    expect(await openOf(bench)).toHaveLength(2)
    bench.network = problem
    bench.events.emit('network.failing', problem)
    await bench.verified('c', 'failing', networkDiagnosis())
    expect(await openOf(bench)).toEqual(['network critical null'])
    expect(bench.mails()).toEqual([])
    // The first run that gets through ends it; the others have not been looked at yet.
    bench.network = null
    bench.events.emit('network.recovered', { at: bench.clock.now() })
    await bench.verified('a', 'ok')
    expect(await openOf(bench)).toEqual([])
    // Nobody could be told in time: whoever has a way now is told of the network, and of no profile.
    const told = bench.mails()
    expect(told.map(({ to, subject }) => `${to}: ${subject}`)).toEqual([
      'it-a@contoso.com: [a] Resolved: the servers can be reached again',
    ])
    expect(told[0]?.text).toContain('None of the profiles reached its servers from')
    // b fails as before, which changes nothing in its health.
    bench.events.emit('verification.completed', {
      report: REPORT,
      health: bench.healthOf('b'),
    })
    await bench.settle()
    expect(await openOf(bench)).toEqual(['verification critical b'])
  })

  it('does not hide a failure that is not of the network', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('a'))
    bench.network = problem
    const settings = diagnosisOf('settings_incomplete')
    const answer = { ...settings.answer, source: 'settings' }
    await bench.verified('a', 'failing', { ...settings, answer })
    expect(await openOf(bench)).toEqual(['verification critical a'])
  })

  it('is opened or ended at the start when the news was lost', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('a'))
    bench.setHealth('a', 'failing', networkDiagnosis())
    bench.network = problem
    await bench.rules.start()
    expect(await openOf(bench)).toEqual(['network critical null'])
    bench.network = null
    bench.setHealth('a', 'ok')
    await bench.restart()
    await bench.rules.start()
    expect(await openOf(bench)).toEqual([])
  })
})

describe('the alert about a credential', () => {
  it('grows from warning to critical to ended, each step told, and ends with a new secret', async () => {
    await using bench = await createBench()
    await bench.put(withSecret('2026-12-05'))
    const seen: string[] = []
    for (const [day, days] of [
      ['2026-11-23T10:00:00Z', 14],
      ['2026-11-28T10:00:00Z', 7],
      ['2026-12-02T10:00:00Z', 3],
    ] as const) {
      bench.clock.set(at(day))
      await expiring(bench, days)
      await bench.deliver()
      seen.push(...(await openOf(bench)), ...bench.subjects())
    }
    bench.clock.set(at('2026-12-05T00:30:00Z'))
    await expired(bench, false)
    await bench.deliver()
    seen.push(...(await openOf(bench)), ...bench.subjects())
    bench.clock.set(at('2026-12-05T09:00:00Z'))
    await saved(bench, profileOf('default', { credential: secretOf({ id: 'c2' }) }))
    await renewed(bench)
    await bench.deliver()
    seen.push(...(await openOf(bench)), ...bench.subjects())
    const secret = 'The client secret of profile “default”'
    expect(seen).toEqual([
      'credentialExpiring warning default',
      `[default] ${secret} ends in 12 days, on 2026-12-05 (UTC).`,
      'credentialExpiring warning default',
      `[default] ${secret} ends in 7 days, on 2026-12-05 (UTC).`,
      'credentialExpiring critical default',
      `[default] ${secret} ends in 3 days, on 2026-12-05 (UTC).`,
      'credentialEnded critical default',
      `[default] ${secret} ended on 2026-12-05 (UTC).`,
      '[default] Resolved: the credential of profile “default” is valid again',
    ])
  })

  it('is one alert and one mail when Entra proves the end during a verification', async () => {
    await using bench = await createBench()
    const errorEmailAddress = 'it@contoso.com'
    await bench.put(profileOf('sibling', { errorEmailAddress }))
    bench.setHealth('sibling', 'ok')
    await bench.put(withSecret(null, { errorEmailAddress }))
    bench.alerts.start()
    await bench.verified('default', 'failing', ENDED)
    await bench.put(
      profileOf('default', {
        errorEmailAddress,
        credential: secretOf({ expiresAt: START, expirySource: 'proven' }),
      }),
    )
    await expired(bench, true)
    await bench.verified('default', 'failing', diagnosisOf('credential_ended'))
    expect(await openOf(bench)).toEqual(['credentialEnded critical default'])
    const [alert] = await bench.alerts.list({ limit: 9 })
    expect(alert?.diagnosis?.code).toBe('secret_expired')
    await bench.pass(3 * HOUR_MS)
    expect(bench.subjects()).toHaveLength(1)
    await saved(bench, profileOf('default', { credential: secretOf({ id: 'c2' }) }))
    await renewed(bench)
    await bench.verified('default', 'ok')
    expect(await openOf(bench)).toEqual([])
  })

  it('is not reopened at the start by a verification from before the new secret', async () => {
    await using bench = await createBench()
    bench.setHealth('default', 'failing', ENDED)
    const createdAt = START + MINUTE_MS
    await bench.put(profileOf('default', { credential: secretOf({ id: 'c2', createdAt }) }))
    await bench.rules.start()
    expect(await openOf(bench)).toEqual([])
  })

  it('is found at the start, with the step that a crash swallowed, and told once', async () => {
    await using bench = await createBench()
    await bench.put(withSecret('2026-12-05'))
    await bench.rules.start()
    await expiring(bench, 14)
    await bench.deliver()
    expect(bench.subjects()).toHaveLength(1)
    bench.clock.set(START + DAY_MS)
    await bench.restart()
    await bench.rules.start()
    await bench.deliver()
    expect(bench.subjects()).toEqual([])
    bench.clock.set(at('2026-11-29T10:00:00Z'))
    await bench.restart()
    await bench.rules.start()
    await expiring(bench, 7)
    await bench.pass(2 * HOUR_MS)
    expect(bench.subjects()).toHaveLength(1)
  })

  it('ends at the start when the news of the new secret was lost', async () => {
    await using bench = await createBench()
    await bench.put(withSecret('2026-12-05'))
    await bench.rules.start()
    await bench.put(withSecret('2027-12-05'))
    await bench.restart()
    await bench.rules.start()
    expect(await openOf(bench)).toEqual([])
  })

  it('takes over a corrected date in silence', async () => {
    await using bench = await createBench()
    await bench.put(withSecret('2026-11-26'))
    await expiring(bench, 3)
    await bench.deliver()
    bench.mails()
    await saved(bench, withSecret('2026-12-15'))
    await renewed(bench)
    await bench.pass(2 * HOUR_MS)
    expect(await openOf(bench)).toEqual(['credentialExpiring warning default'])
    const [alert] = await bench.alerts.list({ limit: 9 })
    expect(alert?.summary).toContain('ends in 22 days, on 2026-12-15 (UTC)')
    expect(bench.mails()).toEqual([])
  })
})

describe('the mail about a credential', () => {
  it('says why, who must act, what to do, and where the new secret is entered', async () => {
    await using bench = await createBench()
    const authentication = {
      type: 'exchangeOnline',
      cloudId: 'worldwide',
      cloud: CLOUDS.worldwide,
      tenantId: 'contoso.com',
      clientId: '11111111-2222-3333-4444-555555555555',
      username: null,
      applicationRbac: false,
    } as const
    await bench.put(withSecret('2026-12-05T23:59:59.999Z', { authentication }))
    await bench.rules.start()
    await bench.deliver()
    const text = bench.mails()[0]?.text ?? ''
    for (const part of [
      'Cause:\nMicrosoft refuses a client secret after its end',
      'Who must act:\nthe Entra administrator',
      'What to do:\nThe Entra administrator makes a new client secret',
      'In a shell:\n    az ad app credential reset --id',
      'Open:\n    https://',
      'PUT /api/v1/profiles/default',
      'README, “Replace the secret”',
    ]) {
      expect(text).toContain(part)
    }
  })

  it('names the settings file where the profile is managed there', async () => {
    await using bench = await createBench()
    await bench.put(withSecret('2026-12-05', { managed: true }))
    await bench.rules.start()
    await bench.deliver()
    const text = bench.mails()[0]?.text ?? ''
    expect(text).toContain('settings file')
    expect(text).not.toContain('PUT')
  })
})

describe('other alerts', () => {
  it('tell of a secret that cannot be read, once, and end when it is entered again', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default', { credential: secretOf({ readable: false }) }))
    await bench.rules.start()
    await bench.verified('default', 'failing', diagnosisOf('secret_unreadable'))
    expect(await openOf(bench)).toEqual(['secretUnreadable critical default'])
    await saved(bench, profileOf('default', { credential: secretOf({ id: 'c2' }) }))
    expect(await openOf(bench)).toEqual([])
  })

  it('tell of a refused settings file with its problems, until it is applied', async () => {
    await using bench = await createBench()
    await bench.put(profileOf('default'))
    const problems = ['postern.yaml:12:5: unknown key “prot”']
    bench.events.emit('sync.refused', { file: 'postern.yaml', problems })
    await bench.settle()
    expect(await openOf(bench)).toEqual(['settingsFile warning null'])
    await bench.deliver()
    const text = bench.mails()[0]?.text ?? ''
    for (const part of ['Cause:', 'Who must act:\nthe operator', 'What to do:', problems[0]]) {
      expect(text).toContain(part)
    }
    bench.events.emit('sync.applied', { file: 'postern.yaml' })
    await bench.settle()
    expect(await openOf(bench)).toEqual([])
  })
})

const REPORT: Report = {
  id: 'r1',
  profileId: 'default',
  reason: 'schedule',
  outcome: 'ok',
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

describe('alerts about a replacement of the credential', () => {
  const refused = diagnosisOf('secret_wrong')
  const cases = {
    'a new credential that was refused': (bench: AlertsBench) =>
      bench.events.emit('credential.refused', {
        profileId: 'default',
        credentialId: 'c2',
        diagnosis: refused,
      }),
    'a renewal that failed': (bench: AlertsBench) =>
      bench.events.emit('credential.renewal_failed', {
        profileId: 'default',
        detail: 'Microsoft Graph refused the new secret.',
        diagnosis: null,
      }),
    'a fallback that had to help': (bench: AlertsBench) =>
      bench.events.emit('credential.fallback_used', {
        profile: profileOf('default'),
        refused: secretOf({}),
        reason: 'AADSTS7000215',
      }),
  }
  it.each(Object.entries(cases))('tell of %s, until a new one is in use', async (_, happen) => {
    await using bench = await createBench()
    await bench.put(withSecret(null))
    happen(bench)
    await bench.settle()
    expect(await openOf(bench)).toEqual(['credentialReplacement warning default'])
    bench.events.emit('credential.activated', { profileId: 'default', credentialId: 'c3' })
    await bench.settle()
    expect(await openOf(bench)).toEqual([])
  })

  it('name no kind of credential where a renewal failed: both are renewed', async () => {
    await using bench = await createBench()
    await bench.put(withSecret(null))
    cases['a renewal that failed'](bench)
    await bench.settle()
    expect((await bench.alerts.list({ limit: 9 })).map(({ summary }) => summary)).toEqual([
      'The credential of profile “default” could not be renewed.',
    ])
  })

  it('end when a person enters another credential', async () => {
    await using bench = await createBench()
    await bench.put(withSecret(null))
    cases['a renewal that failed'](bench)
    await bench.settle()
    await saved(bench, withSecret(null))
    expect(await openOf(bench)).toEqual([])
  })
})
