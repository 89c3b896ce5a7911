import { describe, expect, it } from 'vitest'
import { createCall } from '../support/api.ts'
import { runCommand } from '../support/cli.ts'
import { startPostern } from '../support/process.ts'

describe('sandbox --rehearsals', () => {
  it('lists every failure with what it does, for people and for programs', async () => {
    const asJson = await runCommand(['sandbox', '--rehearsals', '--json'])
    expect([asJson.code, asJson.stderr]).toEqual([0, ''])
    const list: { code: string; title: string; does: string }[] = JSON.parse(asJson.stdout)
    expect(list.length).toBeGreaterThan(100)
    const plain = await runCommand(['sandbox', '--rehearsals'])
    expect(plain.code).toBe(0)
    for (const { code, title, does } of list) {
      expect(plain.stdout).toMatch(new RegExp(`^${code} +\\S`, 'm'))
      expect(plain.stdout).toContain(title)
      expect(does).toMatch(/^(sets|removes|changes) /)
      expect(plain.stdout).toContain(does)
    }
    expect(list.find(({ code }) => code === 'smtp_connect_refused')?.does).toBe(
      'sets smtp.fault to "refuse"',
    )
  })

  it.each([
    [['--rehearse', 'smtp_disabled'], 'smtp_auth_disabled_for_tenant'],
    [['--rehearse', 'secret_expird'], 'secret_expired'],
    [['--rehearse', 'zzz'], 'there is no rehearsal "zzz"'],
    [['--rehearse', 'secret_expired', '--rehearsals'], 'only one of them'],
    [['--rehearse'], '--rehearse'],
  ])('%j is refused in one line that helps, with exit code 2', async (argv, words) => {
    const { code, stdout, stderr } = await runCommand(['sandbox', ...argv])
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(words)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  })
})

/** One for each kind of profile and each way to meet a failure. */
const CODES = [
  ['smtp_auth_disabled_for_mailbox', 'authAccepted', 'verification'],
  ['smtp_connect_refused', 'serverReachable', 'verification'],
  ['secret_expired', 'tokenIssued', 'credentialEnded'],
  ['mailbox_permission_missing', 'messageAccepted', 'verification'],
  ['password_wrong', 'authAccepted', 'verification'],
  ['certificate_signature_refused', 'tokenIssued', 'verification'],
  ['mailbox_outside_rbac_scope', 'authAccepted', 'verification'],
  ['graph_permission_missing', null, 'credentialReplacement'],
  ['graph_secret_type_refused', null, 'credentialReplacement'],
] as const

describe('sandbox --rehearse', () => {
  it.each(CODES)('%s shows check, diagnosis and alert to programs', async (code, name, kind) => {
    await using child = startPostern(['sandbox', '--rehearse', code, '--json'], {})
    const ready = JSON.parse(await child.line(/^\{"url"/))
    const { rehearsal } = JSON.parse(await child.line(/^\{"rehearsal"/))
    expect(Object.keys(rehearsal)).toEqual(['code', 'title', 'check', 'diagnosis', 'alert'])
    expect(rehearsal).toMatchObject({
      code,
      check: name === null ? null : { name, outcome: 'failed' },
      diagnosis: { code, waitingUntil: null },
      alert: { kind, profileId: 'default', diagnosis: { code } },
    })
    expect(child.stdout[0]).toBe(JSON.stringify(ready))
    // It goes on running with the failure in place.
    const call = createCall({ url: ready.url, token: ready.adminToken })
    expect((await call('GET', 'status')).body.profiles[0].openAlerts).toBeGreaterThan(0)
    child.kill('SIGINT')
    expect(await child.ended).toEqual({ code: 0, signal: null })
    expect(child.stdout).toHaveLength(2)
    expect(child.stderr).toEqual([])
  })

  it('tells people in plain words, in the order of the events, and goes on', async () => {
    await using child = startPostern(['sandbox', '--rehearse', 'role_missing'], {})
    await child.line(/^Ready\./)
    child.kill('SIGINT')
    expect((await child.ended).code).toBe(0)
    const told = child.stdout.join('\n')
    const steps = [
      'Server accepted the message',
      'Rehearse: Admin consent removed (role_missing)',
      'fail  Token carries the permission SMTP.SendAsApp',
      'What happened: ',
      'Why:  ',
      'Who must act:  the Entra administrator',
      'What to do: ',
      'An alert is open',
      'Its mail to it@contoso.com waits',
      'To end the failure: curl',
      'Ready. It goes on running',
      'Stopping.',
    ]
    const places = steps.map((step) => told.lastIndexOf(step))
    expect(places.filter((place) => place < 0)).toEqual([])
    expect(places).toEqual(places.toSorted((a, b) => a - b))
    expect(child.stderr).toEqual([])
  })
})
