import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { DAY_MS } from '../../../src/platform/clock.ts'
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
  TENANT,
  withoutSecret,
} from './harness.ts'

const SAVE = { version: undefined, actor: ALICE }
const PASSWORD = 'correct horse battery staple'
const save = (rig: Rig, changes: Record<string, unknown>) =>
  rig.profiles.replace('default', profileInput(changes), SAVE)
const secret = (value: string | undefined, more: Record<string, unknown> = {}) =>
  exchangeOnline({
    credential: { type: 'clientSecret', ...(value !== undefined && { value }), ...more },
  })

describe('A secret', () => {
  it('shows its presence, first three characters and end, never itself', async () => {
    await using rig = await createRig()
    const view = toView(await rig.profiles.create(profileInput(), ALICE))
    expect(view.authentication).toMatchObject({
      credential: {
        type: 'clientSecret',
        set: true,
        readable: true,
        hint: 'Abc',
        expiresAt: '2027-05-01T23:59:59.999Z',
        expirySource: 'typed',
      },
    })
    await save(rig, { server: LOCAL_SERVER, authentication: basic({ password: PASSWORD }) })
    expect(toView(rig.profiles.get('default')).authentication).toMatchObject({
      credential: { type: 'password', hint: null, expiresAt: null },
    })
  })

  it('stands in no page of the database, no log line and no audit record', async () => {
    await using rig = await createRig()
    await rig.profiles.create(profileInput(), ALICE)
    await save(rig, { authentication: secret(OTHER_SECRET) })
    await save(rig, { server: LOCAL_SERVER, authentication: basic({ password: PASSWORD }) })
    await save(rig, { authentication: secret('58e2a9c4-0f7b-4163-8d95-b6c1e3f4a720') }).catch(
      () => {},
    )
    const log = rig.captured.lines.join('')
    const audit = JSON.stringify(await rig.auditEntries())
    // Closing the last connection checkpoints the write-ahead log into the file.
    const { dataDir } = rig
    const pages = () =>
      readdirSync(dataDir)
        .filter((name) => name.startsWith('postern.db'))
        .map((name) => readFileSync(join(dataDir, name)).toString('latin1'))
        .join('')
    const written = pages()
    await rig.storage[Symbol.asyncDispose]()
    for (const place of [log, audit, written, pages()]) {
      for (const plain of [SECRET_VALUE, OTHER_SECRET, PASSWORD]) {
        for (const form of [
          plain,
          plain.slice(4),
          Buffer.from(plain).toString('base64url').slice(0, 30),
        ]) {
          expect(place.includes(form)).toBe(false)
        }
      }
    }
    expect(written).toContain('alerts@contoso.com')
  })

  it('stays when it is left out, and keeps its row when the same is entered again', async () => {
    await using rig = await createRig()
    const created = await rig.profiles.create(profileInput(), ALICE)
    const kept = await save(rig, { authentication: withoutSecret(), subjectPrefix: 'x' })
    expect(kept.credential).toEqual(created.credential)
    const again = await save(rig, { subjectPrefix: 'y' })
    expect(again.credential).toEqual(created.credential)
  })

  it('gets a row of its own when it is new, so that nothing of the old one stays in use', async () => {
    await using rig = await createRig()
    const created = await rig.profiles.create(profileInput(), ALICE)
    const changed = await save(rig, { authentication: secret(OTHER_SECRET) })
    expect(changed.credential).toMatchObject({ hint: 'Xyz', expiresAt: null, expirySource: 'none' })
    expect(changed.credential?.id).not.toBe(created.credential?.id)
    expect(await revealed(rig.profiles, 'default')).toBe(OTHER_SECRET)
    const rows = await rig.storage.db.selectFrom('credential').select('id').execute()
    expect(rows).toEqual([{ id: changed.credential?.id }])
  })

  it('keeps its row when only its end is corrected', async () => {
    await using rig = await createRig()
    const created = await rig.profiles.create(profileInput(), ALICE)
    const corrected = await save(rig, {
      authentication: secret(undefined, { expiresAt: '2027-06-01T12:00:00+02:00' }),
    })
    expect(corrected.credential).toEqual({
      ...created.credential,
      expiresAt: globalThis.Date.parse('2027-06-01T10:00:00Z'),
      expirySource: 'typed',
    })
    expect(rig.news.at(-1)).toMatchObject({
      payload: { connectionChanged: false, secretChanged: false },
    })
    const unknown = await save(rig, { authentication: secret(undefined, { expiresAt: null }) })
    expect(unknown.credential).toMatchObject({ expiresAt: null, expirySource: 'none' })
    await using again = await rig.reopen()
    expect(again.profiles.get('default').credential).toEqual(unknown.credential)
  })

  it.each([
    [
      'the server host',
      {
        server: { host: 'smtp.office365.us', port: 587, security: 'starttls' },
        authentication: withoutSecret(),
      },
    ],
    ['the cloud', { authentication: withoutSecret({ cloud: 'usGovHigh' }) }],
    ['the tenant', { authentication: withoutSecret({ tenantId: 'fabrikam.com' }) }],
    ['the client ID', { authentication: withoutSecret({ clientId: TENANT }) }],
  ])('is asked for again when %s changes', async (name, changes) => {
    await using rig = await createRig()
    await rig.profiles.create(profileInput(), ALICE)
    await expect(save(rig, changes)).rejects.toMatchObject({
      kind: 'invalid',
      code: 'profile_invalid',
      problems: [
        {
          field: 'authentication.credential.value',
          message: expect.stringContaining(`because ${name} changed`),
        },
      ],
    })
    expect(rig.profiles.get('default').version).toBe(FAKE_NOW)
    const given = {
      ...changes.authentication,
      credential: { type: 'clientSecret', value: SECRET_VALUE },
    }
    const saved = await save(rig, { ...changes, authentication: given })
    expect(saved.version).toBe(FAKE_NOW + 1)
  })

  it('is asked for again when the kind of authentication changes', async () => {
    await using rig = await createRig()
    await rig.profiles.create(profileInput(), ALICE)
    await expect(
      save(rig, { authentication: { type: 'basic', username: 'printer' } }),
    ).rejects.toMatchObject({
      problems: [
        {
          field: 'authentication.password',
          message: expect.stringContaining('kind of authentication'),
        },
      ],
    })
  })

  it('is forgotten when the profile no longer logs in', async () => {
    await using rig = await createRig()
    await rig.profiles.create(profileInput(), ALICE)
    const saved = await save(rig, { server: LOCAL_SERVER, authentication: { type: 'none' } })
    expect(saved.credential).toBeNull()
    expect(await rig.storage.db.selectFrom('credential').selectAll().execute()).toEqual([])
    expect(rig.news.at(-1)).toMatchObject({
      payload: { connectionChanged: true, secretChanged: true },
    })
  })

  it('is not handed out to who has read settings that it does not belong to', async () => {
    await using rig = await createRig()
    const old = await rig.profiles.create(profileInput(), ALICE)
    const renamed = await save(rig, { subjectPrefix: 'x' })
    expect((await rig.profiles.openCredential(old))?.credentialId).toBe(old.credential?.id)
    const credential = { type: 'clientSecret', value: OTHER_SECRET }
    const authentication = exchangeOnline({ tenantId: 'fabrikam.com', credential })
    const moved = await save(rig, { authentication })
    for (const held of [old, renamed, { ...old, credential: null }]) {
      await expect(rig.profiles.openCredential(held)).rejects.toMatchObject({
        code: 'profile_changed',
      })
    }
    expect((await rig.profiles.openCredential(moved))?.credentialId).toBe(moved.credential?.id)
    expect(await revealed(rig.profiles, 'default')).toBe(OTHER_SECRET)
  })

  it('that another master key sealed does not stop the start, and can be entered again', async () => {
    await using rig = await createRig()
    await rig.profiles.create(profileInput(), ALICE)
    await using other = await rig.reopen({ masterKey: randomBytes(32).toString('base64') })
    const { profiles } = other
    expect(profiles.get('default')).toMatchObject({
      credential: { readable: false },
      warnings: [
        {
          field: 'authentication.credential.value',
          message: expect.stringContaining('enter it again'),
        },
      ],
    })
    await expect(profiles.openCredential(profiles.get('default'))).rejects.toMatchObject({
      code: 'secret_unreadable',
    })
    const edited = await save(other, {
      authentication: withoutSecret(),
      subjectPrefix: 'still editable',
    })
    expect(edited).toMatchObject({
      subjectPrefix: 'still editable',
      credential: { readable: false },
    })
    const repaired = await save(other, {})
    expect(repaired.credential?.readable).toBe(true)
    expect(await revealed(profiles, 'default')).toBe(SECRET_VALUE)
  })

  it('that Entra proved to have ended is marked once, at the earlier instant', async () => {
    await using rig = await createRig()
    const { credential } = await rig.profiles.create(profileInput(), ALICE)
    const id = credential?.id ?? ''
    await rig.profiles.recordEnded('default', 'another', FAKE_NOW)
    await rig.profiles.recordEnded('gone', id, FAKE_NOW)
    expect(rig.names()).toEqual(['profile.created'])
    await rig.profiles.recordEnded('default', id, FAKE_NOW)
    await rig.profiles.recordEnded('default', id, FAKE_NOW + DAY_MS)
    expect(rig.names()).toEqual(['profile.created', 'credential.ended'])
    expect(rig.profiles.get('default')).toMatchObject({
      version: FAKE_NOW + 1,
      updatedAt: FAKE_NOW,
      credential: { id, expiresAt: FAKE_NOW, expirySource: 'proven' },
    })
    await using again = await rig.reopen()
    expect(again.profiles.get('default').credential).toMatchObject({
      expiresAt: FAKE_NOW,
      expirySource: 'proven',
    })
    const renewed = await again.profiles.replace(
      'default',
      profileInput({ authentication: secret(OTHER_SECRET, { expiresAt: '2027-11-01' }) }),
      SAVE,
    )
    expect(renewed.credential?.expirySource).toBe('typed')
  })

  it('loses a proven end when Entra accepts it after all, and its end date is unknown then', async () => {
    await using rig = await createRig()
    const { credential } = await rig.profiles.create(profileInput(), ALICE)
    const id = credential?.id ?? ''
    await rig.profiles.recordAlive('default', id)
    expect(rig.profiles.get('default').credential?.expirySource).toBe('typed')
    await rig.profiles.recordEnded('default', id, FAKE_NOW)
    await rig.profiles.recordAlive('default', 'another')
    expect(rig.profiles.get('default').credential?.expirySource).toBe('proven')
    await rig.profiles.recordAlive('default', id)
    expect(rig.names()).toEqual(['profile.created', 'credential.ended', 'profile.changed'])
    await using again = await rig.reopen()
    expect(again.profiles.get('default')).toMatchObject({
      version: FAKE_NOW + 2,
      credential: { id, expiresAt: null, expirySource: 'none' },
    })
  })
})

describe('Warnings', () => {
  const warned = async (changes: Record<string, unknown>) => {
    await using rig = await createRig()
    const { warnings } = await rig.profiles.create(profileInput(changes), ALICE)
    return warnings.map(({ field, message }) => `${field}: ${message}`)
  }

  it('are absent from settings as they should be', async () => {
    expect(await warned({})).toEqual([])
  })

  it.each<[string, Record<string, unknown>, string]>([
    [
      'basic at Exchange Online',
      { authentication: basic() },
      'authentication.type: Exchange Online switches basic authentication off by default at the end of December 2026',
    ],
    [
      'client and tenant the same',
      { authentication: exchangeOnline({ clientId: TENANT }) },
      'authentication.clientId: Client ID and tenant ID are the same',
    ],
    [
      'host of another cloud',
      { server: { host: 'smtp.office365.us', port: 587, security: 'starttls' } },
      'server.host: This host belongs to another Microsoft cloud',
    ],
    [
      'a strange host',
      { server: LOCAL_SERVER },
      'server.host: This host does not look like Exchange Online',
    ],
    [
      'errors to the sender',
      { errorEmailAddress: 'Alerts@contoso.com' },
      'errorEmailAddress: Error emails go to the sender’s own mailbox',
    ],
    [
      'no secret yet',
      { authentication: withoutSecret() },
      'authentication.credential.value: No client secret is stored yet',
    ],
    [
      'an unknown end',
      { authentication: secret(SECRET_VALUE) },
      'authentication.credential.expiresAt: Postern does not know when',
    ],
    [
      'an end in the past',
      { authentication: secret(SECRET_VALUE, { expiresAt: '2026-11-01' }) },
      'authentication.credential.expiresAt: By its date the client secret ended on 2026-11-01',
    ],
    [
      'an end too far away',
      { authentication: secret(SECRET_VALUE, { expiresAt: '2028-12-01' }) },
      'authentication.credential.expiresAt: 2028-12-01 is more than 24 months away',
    ],
    [
      'no TLS',
      {
        server: { host: 'mail.contoso.com', port: 25, security: 'none' },
        authentication: { type: 'none' },
      },
      'server.security: Without TLS',
    ],
    [
      'TLS on port 587',
      {
        server: { host: 'mail.contoso.com', port: 587, security: 'tls' },
        authentication: { type: 'none' },
      },
      'server.security: Port 587 usually',
    ],
    [
      'a domain without dot',
      { senderEmailAddress: 'alerts@contoso' },
      'senderEmailAddress: The sender’s domain has no dot',
    ],
  ])('tell of %s', async (_title, changes, text) => {
    const found = await warned(changes)
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(text)
  })

  it('accept a secret of the last second of 24 months', async () => {
    expect(
      await warned({ authentication: secret(SECRET_VALUE, { expiresAt: '2028-11-23' }) }),
    ).toEqual([])
  })
})
