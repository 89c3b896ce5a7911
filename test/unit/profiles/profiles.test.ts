import { describe, expect, it } from 'vitest'
import { PosternError } from '../../../src/platform/errors.ts'
import { toView } from '../../../src/profiles/index.ts'
import { FAKE_NOW } from '../../support/clock.ts'
import { revealed } from '../../support/revealed.ts'
import {
  ALICE,
  basic,
  createRig,
  exchangeOnline,
  LOCAL_SERVER,
  OTHER_SECRET,
  profileInput,
  SECRET_VALUE,
  withoutSecret,
} from './harness.ts'

const refusal = async (attempt: Promise<unknown>): Promise<PosternError> => {
  const error: unknown = await attempt.then(
    () => new Error('it was not refused'),
    (thrown: unknown) => thrown,
  )
  if (error instanceof PosternError) return error
  throw error
}
const SAVE = { version: undefined, actor: ALICE }

describe('Profiles', () => {
  it('are stored, read from memory in order, and there again after a restart', async () => {
    await using rig = await createRig()
    await rig.profiles.create(profileInput({ id: 'zeta' }), ALICE)
    await rig.profiles.create(
      profileInput({ id: 'alpha', authentication: { type: 'none' } }),
      ALICE,
    )
    expect(rig.profiles.list().map(({ id }) => id)).toEqual(['alpha', 'zeta'])
    expect(rig.profiles.list()).toBe(rig.profiles.list())
    const before = rig.profiles.list().map(toView)

    await using again = await rig.reopen()
    expect(again.profiles.list().map(toView)).toEqual(before)
    expect(await revealed(again.profiles, 'zeta')).toBe(SECRET_VALUE)
    expect(await again.profiles.openCredential(again.profiles.get('alpha'))).toBeUndefined()
    expect(again.profiles.get('zeta').authentication).toMatchObject({
      cloudId: 'worldwide',
      cloud: { authority: 'https://login.microsoftonline.com' },
    })
  })

  it('refuse a second profile of the same name, and one that does not exist', async () => {
    await using rig = await createRig()
    await rig.profiles.create(profileInput(), ALICE)
    expect(await refusal(rig.profiles.create(profileInput(), ALICE))).toMatchObject({
      kind: 'conflict',
      code: 'profile_exists',
    })
    expect(() => rig.profiles.get('other')).toThrow(/no profile “other”/)
    expect(await refusal(rig.profiles.remove('other', SAVE))).toMatchObject({
      kind: 'not_found',
      code: 'profile_not_found',
    })
  })

  it('tell what happened after the commit, with what it means for tokens and connections', async () => {
    await using rig = await createRig()
    const { profiles, news } = rig
    await profiles.create(profileInput(), ALICE)
    const save = (changes: Record<string, unknown>) =>
      profiles.replace(
        'default',
        profileInput({ authentication: withoutSecret(), ...changes }),
        SAVE,
      )
    const effect = () => {
      const last = news.at(-1)
      return last?.name === 'profile.changed'
        ? [last.payload.connectionChanged, last.payload.secretChanged]
        : last?.name
    }
    await save({ subjectPrefix: 'new ' })
    expect(effect()).toEqual([false, false])
    await save({ server: { host: 'smtp.office365.com', port: 25, security: 'starttls' } })
    expect(effect()).toEqual([true, false])
    await save({ senderEmailAddress: 'other@contoso.com' })
    expect(effect()).toEqual([true, false])
    await save({
      authentication: exchangeOnline({ credential: { type: 'clientSecret', value: OTHER_SECRET } }),
    })
    expect(effect()).toEqual([true, true])
    await profiles.remove('default', SAVE)
    expect(effect()).toBe('profile.removed')
    expect(profiles.list()).toEqual([])
    expect((await rig.auditEntries()).map(({ action }) => action)).toEqual([
      'profile.removed',
      'profile.changed',
      'profile.changed',
      'profile.changed',
      'profile.changed',
      'profile.created',
    ])
  })

  it('are left alone by a save that changes nothing', async () => {
    await using rig = await createRig()
    const created = await rig.profiles.create(profileInput(), ALICE)
    expect(await rig.profiles.replace('default', profileInput(), SAVE)).toBe(created)
    expect(rig.names()).toEqual(['profile.created'])
    expect(rig.saved).toEqual(['default changed', 'default unchanged'])
    expect(await rig.auditEntries()).toHaveLength(1)
  })

  it('are told as saved after every accepted save, and never else', async () => {
    await using rig = await createRig({ settingsFile: '/etc/postern.yaml' })
    const { profiles } = rig
    await profiles.create(profileInput({ id: 'own' }), ALICE)
    await profiles.replace('own', profileInput({ id: 'own', subjectPrefix: 'x' }), SAVE)
    await profiles.applyDesired([profileInput({ id: 'a' })], ALICE)
    expect(rig.saved.splice(0)).toEqual(['own changed', 'own changed', 'a changed'])

    await profiles.applyDesired([profileInput({ id: 'a' })], ALICE)
    await refusal(profiles.replace('own', profileInput({ id: 'own', colour: 'red' }), SAVE))
    const credentialId = profiles.get('own').credential?.id ?? ''
    await profiles.recordEnded('own', credentialId, FAKE_NOW)
    await profiles.recordAlive('own', credentialId)
    await profiles.remove('own', SAVE)
    expect(rig.saved).toEqual([])
  })

  it('cannot be changed by who has read one of the same name that is gone', async () => {
    await using rig = await createRig()
    const seen: number[] = []
    for (const at of [FAKE_NOW, FAKE_NOW, FAKE_NOW - 60_000]) {
      rig.clock.set(at)
      const { version } = await rig.profiles.create(profileInput(), ALICE)
      for (const old of seen) {
        const replaced = rig.profiles.replace('default', profileInput(), {
          version: old,
          actor: ALICE,
        })
        expect(await refusal(replaced)).toMatchObject({ code: 'profile_changed' })
      }
      const changed = profileInput({ subjectPrefix: 'x' })
      const after = await rig.profiles.replace('default', changed, { version, actor: ALICE })
      seen.push(version, after.version)
      await rig.profiles.remove('default', { version: after.version, actor: ALICE })
    }
    rig.clock.set(FAKE_NOW + 60_000)
    await using again = await rig.reopen()
    again.clock.set(FAKE_NOW + 60_000)
    const { version } = await again.profiles.create(profileInput(), ALICE)
    expect(seen).not.toContain(version)
    expect(new Set(seen).size).toBe(6)
  })

  it('cannot be renamed', async () => {
    await using rig = await createRig()
    await rig.profiles.create(profileInput(), ALICE)
    const error = await refusal(rig.profiles.replace('default', profileInput({ id: 'x' }), SAVE))
    expect(error.problems).toMatchObject([{ field: 'id' }])
  })

  it('let one of two editors save and tell the other the present version', async () => {
    await using rig = await createRig()
    const { version } = await rig.profiles.create(profileInput(), ALICE)
    const results = await Promise.allSettled(
      ['one', 'two'].map((senderDisplayName) =>
        rig.profiles.replace('default', profileInput({ senderDisplayName }), {
          version,
          actor: ALICE,
        }),
      ),
    )
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected'])
    expect(results[1]).toMatchObject({
      reason: {
        kind: 'precondition_failed',
        code: 'profile_changed',
        details: { version: version + 1 },
      },
    })
    expect(rig.profiles.get('default').senderDisplayName).toBe('one')
  })

  it('notice what another process wrote, change nothing over it, and follow the file', async () => {
    await using rig = await createRig()
    await rig.profiles.create(profileInput(), ALICE)
    await rig.storage.db.updateTable('profile').set({ version: 7 }).execute()
    const error = await refusal(
      rig.profiles.replace('default', profileInput({ senderDisplayName: 'x' }), SAVE),
    )
    expect(error).toMatchObject({ code: 'profile_changed', details: { version: 7 } })
    expect(rig.profiles.get('default')).toMatchObject({
      version: 7,
      senderDisplayName: 'Process Alerts',
    })
    expect(await rig.auditEntries()).toHaveLength(1)
    await rig.profiles.replace('default', profileInput({ senderDisplayName: 'x' }), SAVE)
    expect(rig.profiles.get('default')).toMatchObject({ version: 8, senderDisplayName: 'x' })
  })

  it('change neither file nor memory when the audit record cannot be written', async () => {
    await using rig = await createRig()
    await rig.profiles.create(profileInput(), ALICE)
    await rig.storage.db.schema.dropTable('audit').execute()
    const authentication = exchangeOnline({
      credential: { type: 'clientSecret', value: OTHER_SECRET },
    })
    await expect(
      rig.profiles.replace('default', profileInput({ authentication }), SAVE),
    ).rejects.toThrow(/audit/)
    expect(await revealed(rig.profiles, 'default')).toBe(SECRET_VALUE)
    expect(rig.names()).toEqual(['profile.created'])
    await using again = await rig.reopen()
    expect(await revealed(again.profiles, 'default')).toBe(SECRET_VALUE)
    expect(again.profiles.get('default').version).toBe(FAKE_NOW)
  })

  it('are served although their stored settings are damaged, and can be repaired', async () => {
    await using rig = await createRig()
    await rig.profiles.create(profileInput(), ALICE)
    await rig.profiles.create(profileInput({ id: 'sound' }), ALICE)
    await rig.storage.db
      .updateTable('profile')
      .set({ settings: '{"senderEmailAddress":"alerts@contoso.com","server":7}' })
      .where('id', '=', 'default')
      .execute()

    await using again = await rig.reopen()
    expect(again.profiles.get('default')).toMatchObject({
      senderEmailAddress: 'alerts@contoso.com',
      server: { host: '' },
      authentication: { type: 'none' },
      credential: null,
      warnings: [{ message: expect.stringContaining('damaged') }],
    })
    expect(again.captured.entries()).toContainEqual(
      expect.objectContaining({
        level: 'error',
        profileId: 'default',
        msg: 'stored settings damaged',
      }),
    )
    expect(await revealed(again.profiles, 'sound')).toBe(SECRET_VALUE)
    const input = profileInput({ authentication: basic(), server: LOCAL_SERVER })
    const repaired = await again.profiles.replace('default', input, SAVE)
    expect(repaired).toMatchObject({
      version: FAKE_NOW + 1,
      credential: { type: 'password' },
    })
  })

  it('survive settings that are no JSON at all', async () => {
    await using rig = await createRig()
    await rig.profiles.create(profileInput(), ALICE)
    await rig.storage.db.updateTable('profile').set({ settings: '{"senderEm' }).execute()
    await using again = await rig.reopen()
    expect(again.profiles.get('default').server.host).toBe('')
    await again.profiles.replace(
      'default',
      profileInput({ authentication: { type: 'none' } }),
      SAVE,
    )
    expect(await again.storage.db.selectFrom('credential').selectAll().execute()).toEqual([])
  })

  it('do not hand a secret to a custom cloud that is no longer allowed', async () => {
    await using rig = await createRig({ allowCustomCloud: true })
    const authentication = exchangeOnline({
      cloud: 'custom',
      authority: 'https://login.example.com',
      scope: 'https://mail.example.com/.default',
      graphUrl: 'https://graph.example.com',
    })
    const { authentication: resolved } = await rig.profiles.create(
      profileInput({ authentication }),
      ALICE,
    )
    expect(resolved).toMatchObject({
      cloud: { authority: 'https://login.example.com', audiences: ['https://mail.example.com'] },
    })
    await using again = await rig.reopen({ allowCustomCloud: false })
    expect(again.profiles.get('default').warnings).toMatchObject([
      { field: 'authentication.cloud' },
    ])
    expect(
      await refusal(again.profiles.openCredential(again.profiles.get('default'))),
    ).toMatchObject({
      code: 'custom_cloud_not_allowed',
    })
  })
})
