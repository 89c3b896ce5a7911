import { describe, expect, it } from 'vitest'
import { toView } from '../../../src/profiles/index.ts'
import { ALICE, basic, createRig, LOCAL_SERVER, profileInput, withoutSecret } from './harness.ts'

const SAVE = { version: undefined, actor: ALICE }
const PATIENCE = { retryHours: 72, holdHours: 168 }
const MAILBOX = {
  connections: 3,
  messagesPerMinute: 30,
  recipientsPerDay: 10_000,
  recipientsPerMessage: 500,
  ...PATIENCE,
}
const UNLIMITED = {
  connections: 3,
  messagesPerMinute: null,
  recipientsPerDay: null,
  recipientsPerMessage: 100,
  ...PATIENCE,
}
const NONE = { type: 'none' as const }
const at = (host: string) => ({ host, port: 587, security: 'starttls' as const })

describe('Delivery settings', () => {
  it.each([
    ['Exchange Online with OAuth', {}, MAILBOX],
    ['Exchange Online with a password', { authentication: basic() }, MAILBOX],
    ['a server that asks for no login', { server: LOCAL_SERVER, authentication: NONE }, UNLIMITED],
    [
      'another server with a password',
      { server: LOCAL_SERVER, authentication: basic() },
      UNLIMITED,
    ],
    [
      'the port 25 of a tenant',
      { server: at('contoso-com.mail.protection.outlook.com'), authentication: NONE },
      UNLIMITED,
    ],
    [
      'High Volume Email',
      { server: at('smtp.hve.mx.microsoft') },
      { ...UNLIMITED, recipientsPerMessage: 50 },
    ],
  ])('that are left out are those of %s', async (_title, changes, limits) => {
    await using rig = await createRig()
    const profile = await rig.profiles.create(profileInput(changes), ALICE)
    expect(profile.delivery).toEqual(limits)
    expect(profile.deliverySettings).toEqual({})
    expect(profile.warnings.filter(({ field }) => field.startsWith('delivery'))).toEqual([])
    const view = toView(profile)
    expect(view.deliveryLimits).toEqual(limits)
    expect(view).not.toHaveProperty('delivery')
  })

  it('are kept as they were given, one by one, and follow the kind of authentication else', async () => {
    await using rig = await createRig()
    const delivery = { connections: 1, messagesPerMinute: null, holdHours: 24 }
    await rig.profiles.create(
      profileInput({ delivery, server: LOCAL_SERVER, authentication: basic() }),
      ALICE,
    )
    expect(rig.profiles.get('default').delivery).toEqual({ ...UNLIMITED, ...delivery })

    await using again = await rig.reopen()
    expect(toView(again.profiles.get('default'))).toMatchObject({
      delivery,
      deliveryLimits: { ...UNLIMITED, ...delivery },
    })
    const changed = await again.profiles.replace('default', profileInput({ delivery }), SAVE)
    expect(changed.delivery).toEqual({ ...MAILBOX, ...delivery })
    expect(changed.deliverySettings).toEqual(delivery)
  })

  it('change without a new login, and stand in the audit one by one', async () => {
    await using rig = await createRig()
    await rig.profiles.create(profileInput({ delivery: { connections: 2 } }), ALICE)
    await rig.profiles.replace(
      'default',
      profileInput({ authentication: withoutSecret(), delivery: { retryHours: 5 } }),
      SAVE,
    )
    const news = rig.news.at(-1)
    expect(news).toMatchObject({
      name: 'profile.changed',
      payload: { connectionChanged: false, secretChanged: false },
    })
    const [entry] = await rig.auditEntries()
    expect(JSON.stringify(entry?.change)).toMatch(/delivery/)
    expect(JSON.stringify(entry?.change)).not.toMatch(/deliveryLimits/)

    const empty = { authentication: withoutSecret(), delivery: {} }
    await rig.profiles.replace('default', profileInput(empty), SAVE)
    expect(rig.profiles.get('default').delivery).toEqual(MAILBOX)
    const { version } = rig.profiles.get('default')
    await rig.profiles.replace('default', profileInput({ ...empty, delivery: undefined }), SAVE)
    expect(rig.profiles.get('default').version).toBe(version)
  })

  it('of the settings file are planned one by one', async () => {
    await using rig = await createRig({ settingsFile: '/etc/postern.yaml' })
    await rig.profiles.applyDesired([profileInput({ delivery: { connections: 2 } })], ALICE)
    const wanted = [profileInput({ delivery: { messagesPerMinute: null } })]
    expect((await rig.profiles.planDesired(wanted)).change).toEqual([
      { id: 'default', fields: ['delivery.connections', 'delivery.messagesPerMinute'] },
    ])
    await rig.profiles.applyDesired(wanted, ALICE)
    expect((await rig.profiles.planDesired(wanted)).unchanged).toEqual(['default'])
  })

  it('beyond what Exchange Online takes are accepted with a warning for each', async () => {
    await using rig = await createRig()
    const delivery = {
      connections: 4,
      messagesPerMinute: 31,
      recipientsPerDay: null,
      recipientsPerMessage: 501,
    }
    const { warnings } = await rig.profiles.create(profileInput({ delivery }), ALICE)
    expect(warnings.map(({ field }) => field)).toEqual(
      Object.keys(delivery).map((name) => `delivery.${name}`),
    )
    const elsewhere = { server: LOCAL_SERVER, authentication: basic(), id: 'other', delivery }
    expect((await rig.profiles.create(profileInput(elsewhere), ALICE)).warnings).toEqual([])
  })
})
