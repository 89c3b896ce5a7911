import { beforeAll, describe, expect, it } from 'vitest'
import {
  type CertificatePair,
  certificateFactsOf,
  createSelfSignedCertificate,
} from '../../../src/entra/index.ts'
import { DAY_MS } from '../../../src/platform/clock.ts'
import { toView } from '../../../src/profiles/index.ts'
import { createFakeClock, FAKE_NOW } from '../../support/clock.ts'
import { ALICE, createRig, exchangeOnline, profileInput, type Rig, TENANT } from './harness.ts'

const SAVE = { version: undefined, actor: ALICE }
let pair: CertificatePair
let other: CertificatePair

beforeAll(async () => {
  const clock = createFakeClock()
  const make = (commonName: string, days: number) =>
    createSelfSignedCertificate({ commonName, days, keyBits: 2048, clock })
  ;[pair, other] = await Promise.all([make('postern', 100), make('other', 200)])
})

const certificate = (from: CertificatePair, changes: Record<string, unknown> = {}) =>
  exchangeOnline({
    credential: {
      type: 'certificate',
      certificate: from.certificate,
      privateKey: from.privateKey.reveal(),
      ...changes,
    },
  })
const withCertificate = (from = pair, changes: Record<string, unknown> = {}) =>
  profileInput({ authentication: certificate(from, changes) })
const problemsOf = (rig: Rig, input: unknown) =>
  rig.profiles.create(input, ALICE).then(
    () => [],
    (error: unknown) => (error instanceof Error && 'problems' in error ? error.problems : error),
  )

describe('A certificate', () => {
  it('is renewed like a secret: nothing is warned about, unless the settings file holds it', async () => {
    await using rig = await createRig({ settingsFile: '/etc/postern.yaml' })
    const renewal = { enabled: true }
    const authentication = { ...certificate(pair), renewal }
    const input = (id: string) => profileInput({ id, authentication })
    expect((await rig.profiles.create(input('own'), ALICE)).warnings).toEqual([])
    await rig.profiles.applyDesired([input('managed')], ALICE)
    expect(rig.profiles.get('managed').warnings).toEqual([
      {
        field: 'authentication.renewal.enabled',
        message: expect.stringContaining('The credential is not renewed'),
      },
    ])
  })

  it('shows its thumbprint and its own end, and is handed out as a pair', async () => {
    await using rig = await createRig()
    const profile = await rig.profiles.create(withCertificate(), ALICE)
    expect(toView(profile).authentication).toMatchObject({
      credential: {
        type: 'certificate',
        hint: certificateFactsOf(pair.certificate)?.thumbprint,
        expirySource: 'certificate',
      },
    })
    expect(profile.credential?.expiresAt).toBe(certificateFactsOf(pair.certificate)?.notAfter)
    expect(profile.warnings).toEqual([])
    await using again = await rig.reopen()
    const opened = await again.profiles.openCredential(again.profiles.get('default'))
    expect(opened).toMatchObject({ type: 'certificate', certificate: pair.certificate })
    expect(opened?.type === 'certificate' && opened.privateKey.reveal()).toBe(
      pair.privateKey.reveal(),
    )
  })

  it('stays when it is left out or entered again, and is replaced by another one', async () => {
    await using rig = await createRig()
    const created = await rig.profiles.create(withCertificate(), ALICE)
    const kept = await rig.profiles.replace(
      'default',
      profileInput({ authentication: exchangeOnline({ credential: { type: 'certificate' } }) }),
      SAVE,
    )
    expect(kept.credential).toEqual(created.credential)
    const crlf = { certificate: pair.certificate.replaceAll('\n', '\r\n') }
    const same = await rig.profiles.replace('default', withCertificate(pair, crlf), SAVE)
    expect(same.credential).toEqual(created.credential)
    const changed = await rig.profiles.replace('default', withCertificate(other), SAVE)
    expect(changed.credential?.id).not.toBe(created.credential?.id)
    expect(await rig.storage.db.selectFrom('credential').select('id').execute()).toHaveLength(1)
  })

  it('that has ended is refused when it is new, and stays when the settings file repeats it', async () => {
    await using rig = await createRig({ settingsFile: '/etc/postern.yaml' })
    await rig.profiles.applyDesired([withCertificate()], ALICE)
    rig.clock.set(FAKE_NOW + 101 * DAY_MS)
    const plan = await rig.profiles.applyDesired([withCertificate()], ALICE)
    expect(plan).toMatchObject({ unchanged: ['default'] })
    await using later = await rig.reopen({ settingsFile: undefined })
    later.clock.set(FAKE_NOW + 101 * DAY_MS)
    const copy = { ...withCertificate(), id: 'copy' }
    expect(await problemsOf(later, copy)).toEqual([
      {
        field: 'authentication.credential.certificate',
        message: expect.stringMatching(/^The certificate ended on .*: make a new one/),
      },
    ])
  })

  it.each([
    ['without its key', { privateKey: undefined }, 'privateKey', 'private key is missing'],
    ['without itself', { certificate: undefined }, 'certificate', 'certificate is missing'],
    ['that is no PEM', { certificate: 'abc' }, 'certificate', 'cannot be read'],
    [
      'with a key that is no PEM',
      { privateKey: 'abc' },
      'certificate',
      'private key cannot be read',
    ],
  ])('%s is refused with a sentence', async (_title, changes, part, words) => {
    await using rig = await createRig()
    expect(await problemsOf(rig, withCertificate(pair, changes))).toEqual([
      {
        field: `authentication.credential.${part}`,
        message: expect.stringContaining(words),
      },
    ])
  })

  it('with the key of another one is refused', async () => {
    await using rig = await createRig()
    const input = withCertificate(pair, { privateKey: other.privateKey.reveal() })
    expect(JSON.stringify(await problemsOf(rig, input))).toContain('does not belong')
  })

  it('is asked for when it shall take the place of a secret, or goes to another tenant', async () => {
    await using rig = await createRig()
    await rig.profiles.create(profileInput(), ALICE)
    const empty = exchangeOnline({ credential: { type: 'certificate' } })
    const change = (authentication: unknown) =>
      rig.profiles.replace('default', profileInput({ authentication }), SAVE)
    await expect(change(empty)).rejects.toMatchObject({
      problems: [{ field: 'authentication.credential.certificate' }],
    })
    await change(certificate(pair))
    await expect(change({ ...empty, clientId: TENANT })).rejects.toMatchObject({
      problems: [{ field: 'authentication.credential.privateKey' }],
    })
  })

  it('shows no part of its key in log, audit or answers', async () => {
    await using rig = await createRig()
    const profile = await rig.profiles.create(withCertificate(), ALICE)
    const line = pair.privateKey.reveal().split('\n')[3] ?? 'missing'
    const seen = [rig.captured.lines, await rig.auditEntries(), toView(profile)]
    expect(JSON.stringify(seen)).not.toContain(line)
  })
})
