import { describe, expect, it } from 'vitest'
import { opened } from '../../../src/alerts/life.ts'
import { createMailPath } from '../../../src/alerts/mail-path.ts'
import type { StoredAlert } from '../../../src/alerts/stored-alert.ts'
import { CLOUDS } from '../../../src/entra/index.ts'
import type { Hold } from '../../../src/outbox/index.ts'
import type { Authentication, Profile } from '../../../src/profiles/profile.ts'
import type { Health } from '../../../src/verification/index.ts'
import { problemOf, profileOf, START } from './alerts-bench.ts'

const IT = 'it@contoso.com'

function exchange(tenantId: string, clientId: string, username: string | null): Authentication {
  const cloud = CLOUDS.worldwide
  const base = { type: 'exchangeOnline', cloudId: 'worldwide', applicationRbac: false } as const
  return { ...base, cloud, tenantId, clientId, username }
}
const basic = (username: string): Authentication => ({ type: 'basic', username })
const NONE: Authentication = { type: 'none' }

function profile(id: string, authentication: Authentication, host = 'smtp.office365.com'): Profile {
  const server = { host, port: 587, security: 'starttls' } as const
  return profileOf(id, { authentication, server, errorEmailAddress: IT })
}

function pathOf(
  profiles: readonly Profile[] | (() => readonly Profile[]),
  healths: Record<string, Partial<Health>> = {},
  holds: readonly Hold[] = [],
) {
  const list = typeof profiles === 'function' ? profiles : () => profiles
  return createMailPath({
    profiles: { list, find: (id) => list().find((each) => each.id === id) },
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
        ...healths[profileId],
      }),
    },
    outbox: { holdsOf: (profileId) => holds.filter((hold) => hold.profileId === profileId) },
  })
}

function alertOf(profileId: string | null): StoredAlert {
  const moment = { now: START, recipients: [IT], newId: () => 'id' }
  return opened(problemOf({ profileId }), undefined, moment)
}

describe('the independent path of alerts', () => {
  const one = profile('one', exchange('t1', 'c1', 'a@contoso.com'))
  it.each([
    ['no other profile', false, []],
    ['the same application', false, [profile('two', exchange('t1', 'C1', 'b@contoso.com'))]],
    ['another application', true, [profile('two', exchange('t1', 'c2', 'b@contoso.com'))]],
    ['another tenant', true, [profile('two', exchange('t2', 'c1', 'b@contoso.com'))]],
    [
      'another application that logs in to the same mailbox',
      false,
      [profile('two', exchange('t1', 'c2', 'A@contoso.com'))],
    ],
    ['basic authentication at the same mailbox', false, [profile('two', basic('a@contoso.com'))]],
    ['another server', true, [profile('two', basic('a@contoso.com'), 'smtp.relay.example')]],
    [
      'another address',
      false,
      [{ ...profile('two', NONE, 'relay.example'), errorEmailAddress: 'x@contoso.com' }],
    ],
    [
      'several of which one is independent',
      true,
      [
        profile('two', exchange('t1', 'c1', 'b@contoso.com')),
        profile('three', NONE, 'relay.example'),
      ],
    ],
  ])('with %s: %s', (_title, expected, others) => {
    expect(pathOf([one, ...others]).hasIndependent('one')).toBe(expected)
  })

  it('is told without Exchange Online by server and user', () => {
    const path = pathOf([
      profile('a', basic('one'), 'relay.example'),
      profile('b', basic('ONE'), 'RELAY.example'),
      { ...profile('c', NONE, 'relay.example'), errorEmailAddress: 'x@contoso.com' },
      { ...profile('d', NONE, 'relay.example'), errorEmailAddress: 'x@contoso.com' },
      { ...profile('e', basic('one'), 'relay.example'), errorEmailAddress: 'y@contoso.com' },
      { ...profile('f', basic('two'), 'relay.example'), errorEmailAddress: 'y@contoso.com' },
    ])
    const found = ['a', 'b', 'c', 'd', 'e', 'f'].map((id) => path.hasIndependent(id))
    expect(found).toEqual([false, false, false, false, true, true])
  })

  it('follows the profiles when they change', () => {
    let profiles: readonly Profile[] = [one]
    const path = pathOf(() => profiles)
    expect(path.hasIndependent('one')).toBe(false)
    profiles = [one, profile('two', NONE, 'relay.example')]
    expect(path.hasIndependent('one')).toBe(true)
  })
})

describe('the carriers of an alert', () => {
  const failing = { one: { state: 'failing', since: START } } as const
  const one = profile('one', exchange('t1', 'c1', 'a@contoso.com'))
  const sameApplication = profile('two', exchange('t1', 'c1', 'b@contoso.com'))
  const sameMailbox = profile('three', exchange('t1', 'c3', 'a@contoso.com'))
  const independent = profile('zzz', NONE, 'relay.example')
  const idsOf = (carriers: readonly Profile[]) => carriers.map(({ id }) => id)

  it('are first those that share nothing with the profile that fails, and none of its mailbox', () => {
    const path = pathOf([one, sameMailbox, sameApplication, independent], failing)
    expect(idsOf(path.carriersFor(alertOf('one'), IT))).toEqual(['zzz', 'two'])
  })

  it('are of its mailbox, too, when they have logged in since it fails', () => {
    const healths = { ...failing, three: { lastSucceededAt: START + 1 } }
    const path = pathOf([one, sameMailbox, independent], healths)
    expect(idsOf(path.carriersFor(alertOf('one'), IT))).toEqual(['zzz', 'three'])
  })

  it('are the profile itself first while it works', () => {
    const path = pathOf([independent, one, sameApplication])
    expect(idsOf(path.carriersFor(alertOf('one'), IT))).toEqual(['one', 'zzz', 'two'])
  })
})
