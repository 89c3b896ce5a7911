import { describe, expect, it } from 'vitest'
import type { Actor } from '../../../src/access/index.ts'
import { FAKE_NOW } from '../../support/clock.ts'
import {
  ALICE,
  createRig,
  exchangeOnline,
  OTHER_SECRET,
  profileInput,
  withoutSecret,
} from './harness.ts'

const FILE: Actor = { type: 'settingsFile', id: null, name: '/etc/postern.yaml', address: null }
const options = { settingsFile: '/etc/postern.yaml' }
const SAVE = { version: undefined, actor: ALICE }

describe('A desired state', () => {
  it('creates, changes and removes in one go, and does nothing the second time', async () => {
    await using rig = await createRig(options)
    const { profiles } = rig
    await profiles.create(profileInput({ id: 'own' }), ALICE)
    await profiles.applyDesired([profileInput({ id: 'a' }), profileInput({ id: 'b' })], FILE)
    const next = [
      profileInput({
        id: 'b',
        subjectPrefix: 'x',
        authentication: exchangeOnline({
          credential: { type: 'clientSecret', value: OTHER_SECRET },
        }),
      }),
      profileInput({ id: 'c' }),
    ]
    const plan = {
      create: ['c'],
      change: [{ id: 'b', fields: ['subjectPrefix', 'authentication.credential.value'] }],
      remove: ['a'],
      unchanged: [],
    }
    expect(await profiles.planDesired(next)).toEqual(plan)
    expect(profiles.find('a')).toBeDefined()
    expect(await profiles.applyDesired(next, FILE)).toEqual(plan)
    expect(profiles.list().map(({ id, managed }) => [id, managed])).toEqual([
      ['b', true],
      ['c', true],
      ['own', false],
    ])
    const count = (await rig.auditEntries()).length
    expect(await profiles.applyDesired(next, FILE)).toEqual({
      create: [],
      change: [],
      remove: [],
      unchanged: ['b', 'c'],
    })
    expect(await rig.auditEntries()).toHaveLength(count)
  })

  it('is refused whole when one profile is wrong, naming every place', async () => {
    await using rig = await createRig(options)
    const wrong = [
      profileInput({ id: 'a' }),
      profileInput({ id: 'b', server: { host: '', port: 0, security: 'starttls' } }),
      profileInput({ id: 'a' }),
      7,
    ]
    await expect(rig.profiles.applyDesired(wrong, FILE)).rejects.toMatchObject({
      kind: 'invalid',
      problems: [
        { field: 'profiles[1].server.port' },
        { field: 'profiles[1].server.host' },
        { field: 'profiles[2].id', message: expect.stringContaining('used twice') },
        { field: 'profiles[3]' },
      ],
    })
    expect(rig.profiles.list()).toEqual([])
    expect(rig.names()).toEqual([])
  })

  it('is rolled back whole when the store refuses one of its changes', async () => {
    await using rig = await createRig(options)
    await rig.profiles.applyDesired([profileInput({ id: 'a' }), profileInput({ id: 'b' })], FILE)
    await rig.storage.db.updateTable('profile').set({ version: 9 }).where('id', '=', 'b').execute()
    const next = [
      profileInput({ id: 'a', subjectPrefix: 'n' }),
      profileInput({ id: 'b', subjectPrefix: 'n' }),
    ]
    await expect(rig.profiles.applyDesired(next, FILE)).rejects.toMatchObject({
      code: 'profile_changed',
    })
    expect(rig.profiles.get('a')).toMatchObject({ subjectPrefix: '[Process] ', version: FAKE_NOW })
    await rig.profiles.applyDesired(next, FILE)
    expect(rig.profiles.list().map(({ version }) => version)).toEqual([FAKE_NOW + 1, 10])
  })

  it('makes profiles read-only elsewhere, and says where to change them', async () => {
    await using rig = await createRig(options)
    await rig.profiles.applyDesired([profileInput()], FILE)
    const refused = {
      kind: 'conflict',
      code: 'profile_managed',
      message: 'Profile “default” comes from the settings file /etc/postern.yaml: change it there.',
    }
    await expect(rig.profiles.replace('default', profileInput(), SAVE)).rejects.toMatchObject(
      refused,
    )
    await expect(rig.profiles.remove('default', SAVE)).rejects.toMatchObject(refused)
  })

  it('releases its profiles when no settings file is configured any more', async () => {
    await using rig = await createRig(options)
    await rig.profiles.applyDesired([profileInput()], FILE)
    await using without = await rig.reopen({ settingsFile: undefined })
    expect(without.profiles.get('default').managed).toBe(false)
    await without.profiles.replace('default', profileInput({ subjectPrefix: 'mine' }), SAVE)
    await using again = await without.reopen({ settingsFile: '/etc/postern.yaml' })
    expect(again.profiles.get('default')).toMatchObject({ managed: false, subjectPrefix: 'mine' })
  })

  it('takes over an unmanaged profile of the same name with its stored secret', async () => {
    await using rig = await createRig(options)
    const created = await rig.profiles.create(profileInput(), ALICE)
    const plan = await rig.profiles.applyDesired(
      [profileInput({ authentication: withoutSecret() })],
      FILE,
    )
    expect(plan.change).toEqual([{ id: 'default', fields: ['managed'] }])
    expect(rig.profiles.get('default')).toMatchObject({
      managed: true,
      credential: created.credential,
    })
  })

  it('does not overrule with its date an end that Entra proved', async () => {
    await using rig = await createRig(options)
    await rig.profiles.applyDesired([profileInput()], FILE)
    await rig.profiles.recordEnded(
      'default',
      rig.profiles.get('default').credential?.id ?? '',
      FAKE_NOW,
    )
    const plan = await rig.profiles.applyDesired([profileInput()], FILE)
    expect(plan.unchanged).toEqual(['default'])
    expect(rig.profiles.get('default').credential).toMatchObject({
      expiresAt: FAKE_NOW,
      expirySource: 'proven',
    })
  })
})
