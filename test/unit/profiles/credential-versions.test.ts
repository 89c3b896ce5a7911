import { describe, expect, it } from 'vitest'
import { DAY_MS, parseEnd } from '../../../src/platform/clock.ts'
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
  type Rig,
  SECRET_VALUE,
  withoutSecret,
} from './harness.ts'

const SAVE = { version: undefined, actor: ALICE }
const THIRD_SECRET = 'Mno8Q~third-secret-value-of-the-tests-222'
const secret = (value: string | undefined, expiresAt?: string) => ({
  type: 'clientSecret' as const,
  ...(value !== undefined && { value }),
  ...(expiresAt !== undefined && { expiresAt }),
})

const states = (rig: Rig) =>
  rig.profiles.credentials('default').map(({ state, hint }) => [state, hint])
const stage = (rig: Rig, value = OTHER_SECRET, expiresAt = '2027-10-01') =>
  rig.profiles.stageCredential('default', secret(value, expiresAt), { actor: ALICE })
/** A profile whose active credential has taken the place of a former one. */
async function switched(rig: Rig): Promise<string> {
  await rig.profiles.create(profileInput(), ALICE)
  const { id } = await stage(rig)
  await rig.profiles.activateStaged('default', { credentialId: id, actor: ALICE })
  return id
}

describe('A staged credential', () => {
  it('changes nothing of the profile until it is activated', async () => {
    await using rig = await createRig()
    const created = await rig.profiles.create(profileInput(), ALICE)
    await stage(rig)
    expect(toView(rig.profiles.get('default'))).toEqual(toView(created))
    expect(await revealed(rig.profiles, 'default')).toBe(SECRET_VALUE)
    expect(states(rig)).toEqual([
      ['active', 'Abc'],
      ['staged', 'Xyz'],
    ])
    expect(rig.names()).toEqual(['profile.created'])
  })

  it('survives a restart, with the one who gets its message', async () => {
    await using rig = await createRig()
    await rig.profiles.create(profileInput(), ALICE)
    const input = secret(OTHER_SECRET)
    const options = { actor: ALICE, sendTo: 'it@contoso.com', keyId: 'key' }
    const staged = await rig.profiles.stageCredential('default', input, options)
    await using again = await rig.reopen()
    expect(again.profiles.credentials('default')).toContainEqual(staged)
    expect(staged).toMatchObject({ sendTo: 'it@contoso.com', keyId: 'key', state: 'staged' })
    expect(
      await again.profiles.openCredential(again.profiles.get('default'), 'staged'),
    ).toMatchObject({
      credentialId: staged.id,
    })
  })

  it('is replaced by a later one, and then cannot be activated any more', async () => {
    await using rig = await createRig()
    await rig.profiles.create(profileInput(), ALICE)
    const first = await stage(rig)
    await stage(rig, THIRD_SECRET)
    expect(states(rig)).toEqual([
      ['active', 'Abc'],
      ['staged', 'Mno'],
    ])
    const of = { credentialId: first.id, actor: ALICE }
    expect(await rig.profiles.activateStaged('default', of)).toBe(false)
    expect(await rig.profiles.discardStaged('default', { ...of, reason: 'x' })).toBe(false)
    expect(await revealed(rig.profiles, 'default')).toBe(SECRET_VALUE)
  })

  it('is refused when it is the one in use, and when the profile knows no such credential', async () => {
    await using rig = await createRig()
    await rig.profiles.create(profileInput(), ALICE)
    await expect(stage(rig, SECRET_VALUE)).rejects.toMatchObject({ code: 'credential_in_use' })
    const relay = profileInput({ id: 'relay', server: LOCAL_SERVER, authentication: basic() })
    await rig.profiles.create(relay, ALICE)
    const other = rig.profiles.stageCredential('relay', secret(OTHER_SECRET), { actor: ALICE })
    await expect(other).rejects.toMatchObject({ code: 'credential_kind_wrong' })
  })

  it.each([
    ['nothing at all', undefined, 'credential'],
    ['no value', secret(undefined), 'credential.value'],
    ['a secret’s ID', secret('58e2a9c4-0f7b-4163-8d95-b6c1e3f4a720'), 'credential.value'],
    ['a certificate without its parts', { type: 'certificate' }, 'credential.certificate'],
    ['another type', { type: 'passkey' }, 'credential.type'],
  ])('with %s is refused with a sentence', async (_title, input, field) => {
    await using rig = await createRig()
    await rig.profiles.create(profileInput(), ALICE)
    await expect(
      rig.profiles.stageCredential('default', input, { actor: ALICE }),
    ).rejects.toMatchObject({ code: 'profile_invalid', problems: [{ field }] })
    expect(states(rig)).toEqual([['active', 'Abc']])
  })

  it('is not for profiles of the settings file', async () => {
    await using rig = await createRig({ settingsFile: '/etc/postern.yaml' })
    await rig.profiles.applyDesired([profileInput()], ALICE)
    await expect(stage(rig)).rejects.toMatchObject({ code: 'profile_managed' })
  })

  it('is discarded with its reason in the audit', async () => {
    await using rig = await createRig()
    await rig.profiles.create(profileInput(), ALICE)
    const { id } = await stage(rig)
    const done = await rig.profiles.discardStaged('default', {
      credentialId: id,
      actor: ALICE,
      reason: 'secret_wrong',
    })
    expect(done).toBe(true)
    expect(states(rig)).toEqual([['active', 'Abc']])
    const entries = await rig.auditEntries()
    expect(entries.map(({ action }) => action)).toEqual([
      'credential.discarded',
      'credential.staged',
      'profile.created',
    ])
    expect(entries[0]?.change).toMatchObject({ after: { reason: 'secret_wrong' } })
    expect(JSON.stringify(entries)).not.toContain(OTHER_SECRET.slice(4))
  })

  it.each([
    [
      'a secret is entered with the settings',
      { authentication: exchangeOnline({ credential: secret(THIRD_SECRET) }) },
    ],
    ['the profile no longer logs in', { server: LOCAL_SERVER, authentication: { type: 'none' } }],
  ])('is forgotten with the fallback when %s', async (_title, changes) => {
    await using rig = await createRig()
    await switched(rig)
    await stage(rig, THIRD_SECRET.replace('Mno', 'Pqr'))
    await rig.profiles.replace('default', profileInput(changes), SAVE)
    const rows = await rig.storage.db.selectFrom('credential').select('state').execute()
    expect(rows.filter(({ state }) => state !== 'active')).toEqual([])
    expect(rig.profiles.credentials('default')).toHaveLength(rows.length)
  })

  it('stays when other settings are saved', async () => {
    await using rig = await createRig()
    await switched(rig)
    await stage(rig, THIRD_SECRET)
    await rig.profiles.replace(
      'default',
      profileInput({ authentication: withoutSecret(), subjectPrefix: 'x' }),
      SAVE,
    )
    await using again = await rig.reopen()
    expect(states(again)).toEqual([
      ['active', 'Xyz'],
      ['staged', 'Mno'],
      ['fallback', 'Abc'],
    ])
  })

  it('is forgotten when the tenant changes, also when the active one is entered again', async () => {
    await using rig = await createRig()
    await rig.profiles.create(profileInput(), ALICE)
    await stage(rig)
    const authentication = exchangeOnline({ tenantId: 'fabrikam.com' })
    await rig.profiles.replace('default', profileInput({ authentication }), SAVE)
    expect(states(rig)).toEqual([['active', 'Abc']])
    expect(await revealed(rig.profiles, 'default')).toBe(SECRET_VALUE)
  })

  it('of a profile without a secret is forgotten when the tenant changes', async () => {
    await using rig = await createRig()
    await rig.profiles.create(profileInput({ authentication: withoutSecret() }), ALICE)
    await stage(rig)
    const authentication = withoutSecret({ tenantId: 'fabrikam.com' })
    await rig.profiles.replace('default', profileInput({ authentication }), SAVE)
    expect(states(rig)).toEqual([])
    expect(await rig.storage.db.selectFrom('credential').selectAll().execute()).toEqual([])
  })
})

describe('Activating a staged credential', () => {
  it('takes it into use in a new version and keeps the former one, in one step', async () => {
    await using rig = await createRig()
    await switched(rig)
    const profile = rig.profiles.get('default')
    expect(profile).toMatchObject({
      version: FAKE_NOW + 1,
      credential: { hint: 'Xyz', expiresAt: parseEnd('2027-10-01'), expirySource: 'typed' },
    })
    expect(await revealed(rig.profiles, 'default')).toBe(OTHER_SECRET)
    expect(rig.news.at(-1)).toMatchObject({
      name: 'profile.changed',
      payload: { connectionChanged: true, secretChanged: true, previous: { version: FAKE_NOW } },
    })
    expect(rig.saved).toEqual(['default changed', 'default changed'])
    await using again = await rig.reopen()
    expect(states(again)).toEqual([
      ['active', 'Xyz'],
      ['fallback', 'Abc'],
    ])
    expect(again.profiles.get('default')).toEqual(profile)
    expect((await again.auditEntries())[0]).toMatchObject({
      action: 'credential.activated',
      actor: { name: 'Alice' },
    })
  })

  it('hands no credential to who has read the profile before', async () => {
    await using rig = await createRig()
    const old = await rig.profiles.create(profileInput(), ALICE)
    const { id } = await stage(rig)
    expect(await rig.profiles.openCredential(old, 'staged')).toMatchObject({ credentialId: id })
    await rig.profiles.activateStaged('default', { credentialId: id, actor: ALICE })
    for (const state of ['active', 'fallback'] as const) {
      await expect(rig.profiles.openCredential(old, state)).rejects.toMatchObject({
        code: 'profile_changed',
      })
    }
    const now = rig.profiles.get('default')
    expect(await rig.profiles.openCredential(now, 'fallback')).toMatchObject({
      credentialId: old.credential?.id,
    })
  })

  it('keeps nothing that has ended', async () => {
    await using rig = await createRig()
    const { credential } = await rig.profiles.create(profileInput(), ALICE)
    await rig.profiles.recordEnded('default', credential?.id ?? '', FAKE_NOW - DAY_MS)
    const { id } = await stage(rig)
    await rig.profiles.activateStaged('default', { credentialId: id, actor: ALICE })
    expect(states(rig)).toEqual([['active', 'Xyz']])
    const rows = await rig.storage.db.selectFrom('credential').select('id').execute()
    expect(rows).toEqual([{ id }])
  })

  it('lets no older fallback stand beside the newer one', async () => {
    await using rig = await createRig()
    await switched(rig)
    const { id } = await stage(rig, THIRD_SECRET)
    await rig.profiles.activateStaged('default', { credentialId: id, actor: ALICE })
    expect(states(rig)).toEqual([
      ['active', 'Mno'],
      ['fallback', 'Xyz'],
    ])
    expect(await rig.storage.db.selectFrom('credential').selectAll().execute()).toHaveLength(2)
  })

  it('leaves everything as it was when another process has changed the profile', async () => {
    await using rig = await createRig()
    await rig.profiles.create(profileInput(), ALICE)
    const { id } = await stage(rig)
    await rig.storage.db.updateTable('profile').set({ version: 7 }).execute()
    await expect(
      rig.profiles.activateStaged('default', { credentialId: id, actor: ALICE }),
    ).rejects.toMatchObject({ code: 'profile_changed' })
    expect(rig.profiles.get('default').version).toBe(7)
    expect(states(rig)).toEqual([
      ['active', 'Abc'],
      ['staged', 'Xyz'],
    ])
  })
})

describe('A fallback', () => {
  it('takes the place of a refused credential, which is not used by itself again', async () => {
    await using rig = await createRig()
    const refusedId = await switched(rig)
    const reason = 'AADSTS7000215'
    expect(await rig.profiles.useFallback('default', { refusedId, reason })).toBe(true)
    expect(await revealed(rig.profiles, 'default')).toBe(SECRET_VALUE)
    expect(rig.names().slice(-2)).toEqual(['profile.changed', 'credential.fallback_used'])
    await using again = await rig.reopen()
    expect(states(again)).toEqual([
      ['active', 'Abc'],
      ['fallback', 'Xyz'],
    ])
    const [active, fallback] = again.profiles.credentials('default')
    expect(fallback?.refusedAt).toBe(FAKE_NOW)
    // Each to its own way back.
    const back = { refusedId: active?.id ?? '', reason }
    expect(await again.profiles.useFallback('default', back)).toBe(false)
    expect((await again.auditEntries())[0]).toMatchObject({
      action: 'credential.fallback_used',
      actor: { type: 'agent' },
      change: { after: { reason } },
    })
  })

  it('is not used for a credential that is no longer active', async () => {
    await using rig = await createRig()
    await switched(rig)
    const reason = 'AADSTS7000222'
    expect(await rig.profiles.useFallback('default', { refusedId: 'gone', reason })).toBe(false)
    expect(states(rig)[0]).toEqual(['active', 'Xyz'])
  })

  it('that is refused, too, is marked once', async () => {
    await using rig = await createRig()
    const refusedId = await switched(rig)
    const fallback = rig.profiles.credentials('default').find(({ state }) => state === 'fallback')
    const id = fallback?.id ?? ''
    await rig.profiles.recordFallbackRefused('default', id, 'AADSTS7000215')
    await rig.profiles.recordFallbackRefused('default', id, 'AADSTS7000215')
    const actions = (await rig.auditEntries()).map(({ action }) => action)
    expect(actions.filter((action) => action === 'credential.fallback_refused')).toHaveLength(1)
    const attempt = rig.profiles.useFallback('default', { refusedId, reason: 'x' })
    expect(await attempt).toBe(false)
  })

  it('is removed on request, once', async () => {
    await using rig = await createRig()
    await switched(rig)
    const fallback = rig.profiles.credentials('default').find(({ state }) => state === 'fallback')
    const of = { credentialId: fallback?.id ?? '', reason: 'ended' }
    expect(await rig.profiles.dropFallback('default', of)).toBe(true)
    expect(await rig.profiles.dropFallback('default', of)).toBe(false)
    expect(states(rig)).toEqual([['active', 'Xyz']])
    expect(await rig.storage.db.selectFrom('credential').selectAll().execute()).toHaveLength(1)
  })
})
