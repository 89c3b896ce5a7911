import { readFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  type CertificatePair,
  certificateFactsOf,
  checkCertificatePair,
  createSelfSignedCertificate,
  readPfx,
} from '../../../src/entra/index.ts'
import { Secret } from '../../../src/platform/secret.ts'
import { createFakeClock, FAKE_NOW } from '../../support/clock.ts'

const DAY = 86_400_000

let pair: CertificatePair
let other: CertificatePair

function make(keyBits?: 2048 | 3072) {
  const clock = createFakeClock()
  return createSelfSignedCertificate({ commonName: 'postern Zürich', days: 365, keyBits, clock })
}

/** Made with `openssl req -x509` and `openssl pkcs12 -export`; they belong to nobody. */
function sample(name: string): Buffer {
  return readFileSync(new URL(`certificates/${name}`, import.meta.url))
}

function samplePair(name: string): CertificatePair {
  const text = sample(name).toString()
  return { certificate: text, privateKey: new Secret(text) }
}

beforeAll(async () => {
  ;[pair, other] = await Promise.all([make(), make(2048)])
})

describe('a certificate that is made here', () => {
  test('has the name, the life and the key that were asked for', () => {
    const facts = certificateFactsOf(pair.certificate)
    expect(facts).toEqual({
      subject: 'CN=postern Zürich',
      thumbprint: expect.stringMatching(/^[0-9A-F]{40}$/),
      thumbprintSha256: expect.stringMatching(/^[0-9A-F]{64}$/),
      notBefore: FAKE_NOW - 5 * 60_000,
      notAfter: FAKE_NOW + 365 * DAY,
      keyType: 'rsa',
      keyBits: 3_072,
    })
    expect(certificateFactsOf(other.certificate)?.keyBits).toBe(2_048)
  })

  test('fits its key, and does not show it', () => {
    expect(checkCertificatePair({ ...pair, now: FAKE_NOW })).toEqual([])
    expect(pair.privateKey.reveal()).toMatch(/^-----BEGIN PRIVATE KEY-----\n/)
    expect(JSON.stringify(pair)).not.toContain('PRIVATE')
  })

  test.each([
    ['', 365],
    ['x'.repeat(65), 365],
    ['postern', 0],
    ['postern', 1.5],
  ])('is not made for the name %j and %s days', async (commonName, days) => {
    const clock = createFakeClock()
    await expect(createSelfSignedCertificate({ commonName, days, clock })).rejects.toMatchObject({
      kind: 'invalid',
      code: 'certificate_options_invalid',
    })
  })
})

describe('a certificate and its key', () => {
  const problemsOf = (given: Partial<CertificatePair>, now = FAKE_NOW) =>
    checkCertificatePair({ ...pair, ...given, now })

  test('must belong together', () => {
    expect(problemsOf({ privateKey: other.privateKey })).toEqual([
      expect.stringMatching(/does not belong to the certificate/),
    ])
  })

  test('must be within their time', () => {
    expect(problemsOf({}, FAKE_NOW + 365 * DAY - 1)).toEqual([])
    expect(problemsOf({}, FAKE_NOW + 365 * DAY)).toEqual([expect.stringMatching(/ended at 2027-/)])
    expect(problemsOf({}, FAKE_NOW - DAY)).toEqual([expect.stringMatching(/only from 2026-11-23/)])
  })

  test('must be RSA of 2,048 bits or more', () => {
    expect(problemsOf(samplePair('ec.pem'), FAKE_NOW + DAY)).toEqual([
      expect.stringMatching(/elliptic-curve key, which Entra does not take/),
    ])
    expect(problemsOf(samplePair('rsa-1024.pem'), FAKE_NOW + DAY)).toEqual([
      expect.stringMatching(/RSA key of 1024 bits/),
    ])
  })

  test('are told apart from what is neither, all problems at once', () => {
    const nonsense = { certificate: 'MIIC', privateKey: new Secret('top-secret-nonsense') }
    const problems = problemsOf(nonsense)
    expect(problems).toEqual([
      expect.stringMatching(/certificate cannot be read/),
      expect.stringMatching(/private key cannot be read/),
    ])
    expect(problems.join()).not.toContain('top-secret')
    expect(certificateFactsOf('-----BEGIN CERTIFICATE-----\nAAAA')).toBeUndefined()
  })

  test('are not taken while the key needs a passphrase', () => {
    const head =
      '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n'
    expect(problemsOf({ privateKey: new Secret(head) })).toEqual([
      expect.stringMatching(/protected with a passphrase/),
    ])
  })
})

describe('a PFX file', () => {
  const password = new Secret('Grüße-42')

  test.each([
    ['AES-256, as OpenSSL 3 writes it', 'aes.pfx', password],
    ['triple DES, with an empty password', 'des.pfx', new Secret('')],
    ['AES-256 without a checksum', 'nomac.pfx', password],
  ])('with %s gives its certificate and key', async (_title, name, given) => {
    const read = await readPfx(sample(name), given)
    expect(checkCertificatePair({ ...read, now: FAKE_NOW + DAY })).toEqual([])
    expect(certificateFactsOf(read.certificate)).toMatchObject({
      subject: 'CN=postern pfx sample',
      thumbprint: '43462E521A77B99FCE74D122C838E71B420077F3',
    })
  })

  test.each(['aes.pfx', 'des.pfx', 'nomac.pfx'])('%s asks for the right password', async (name) => {
    await expect(readPfx(sample(name), new Secret('wrong'))).rejects.toMatchObject({
      kind: 'invalid',
      code: 'certificate_file_password',
    })
  })

  test.each([
    ['out of use', sample('rc2.pfx')],
    ['no private key', sample('nokey.pfx')],
    ['no certificate for its private key', sample('nocert.pfx')],
    ['no PKCS #12 file', Buffer.from('-----BEGIN CERTIFICATE-----')],
    ['no PKCS #12 file', sample('aes.pfx').subarray(0, 600)],
    ['no PKCS #12 file', Buffer.alloc(0)],
  ])('that cannot be used is told: %s', async (words, bytes) => {
    await expect(readPfx(bytes, password)).rejects.toMatchObject({
      code: 'certificate_file_unreadable',
      message: expect.stringContaining(words),
    })
  })
})
