import { execFileSync, spawnSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { runCli } from '../../../src/cli/index.ts'
import { certificateFactsOf, checkCertificatePair } from '../../../src/entra/index.ts'
import { DAY_MS } from '../../../src/platform/clock.ts'
import { Secret } from '../../../src/platform/secret.ts'
import { createFakeClock, FAKE_NOW } from '../../support/clock.ts'
import { repositoryFile } from '../../support/golden.ts'
import { skipFor } from '../../support/skip.ts'

const HAS_JQ = spawnSync('jq', ['--version']).status === 0

const sample = (name: string) => repositoryFile(`test/unit/entra/certificates/${name}`)
const PFX_THUMBPRINT = '43462E521A77B99FCE74D122C838E71B420077F3'
/** The samples were made within the day after the fake clock's start. */
const SAMPLES_VALID = FAKE_NOW + DAY_MS

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'postern-credential-'))
})
afterEach(() => {
  rmSync(folder, { recursive: true, force: true })
})

async function credential(argv: readonly string[], now = SAMPLES_VALID) {
  let stdout = ''
  let stderr = ''
  const code = await runCli(['credential', ...argv], {
    env: {},
    stdout: { write: (text) => (stdout += text) },
    stderr: { write: (text) => (stderr += text) },
    clock: createFakeClock(now),
    signal: new AbortController().signal,
  })
  return { code, stdout, stderr }
}

const read = (name: string) => readFileSync(join(folder, name), 'utf8')
const modeOf = (name: string) => statSync(join(folder, name)).mode & 0o777

function passwordFile(text = 'Grüße-42\n'): string {
  const file = join(folder, 'password')
  writeFileSync(file, text)
  return file
}

describe('credential new-certificate', () => {
  test('writes a usable pair, the key for its owner alone, and says what to do', async () => {
    const end = await credential(['new-certificate', 'contoso', '--out', folder])
    expect(end).toMatchObject({ code: 0, stderr: '' })
    expect(readdirSync(folder).sort()).toEqual(['contoso.cer.pem', 'contoso.key.pem'])
    expect(modeOf('contoso.key.pem')).toBe(0o600)

    const certificate = read('contoso.cer.pem')
    const privateKey = new Secret(read('contoso.key.pem'))
    expect(certificate).not.toContain('PRIVATE KEY')
    expect(checkCertificatePair({ certificate, privateKey, now: SAMPLES_VALID })).toEqual([])
    const facts = certificateFactsOf(certificate)
    expect(facts).toMatchObject({
      subject: 'CN=contoso',
      keyBits: 3_072,
      notAfter: SAMPLES_VALID + 365 * DAY_MS,
    })
    expect(facts?.thumbprint).toMatch(/^[0-9A-F]{40}$/)

    expect(end.stdout).toContain(`Thumbprint (SHA-1)   ${facts?.thumbprint}\n`)
    expect(end.stdout).toContain(`Thumbprint (SHA-256) ${facts?.thumbprintSha256}\n`)
    expect(end.stdout).toContain('Valid until          2027-11-24')
    expect(end.stdout).toContain('Certificates & secrets > Certificates > Upload certificate')
    expect(end.stdout).not.toContain('-----BEGIN')
  })

  test('prints a command that makes the body of the credential exchange', async (context) => {
    if (!HAS_JQ) skipFor(context, 'no jq on this machine (apt-get install jq)')
    const out = join(folder, "Postern's files")
    mkdirSync(out)
    const { stdout } = await credential(['new-certificate', 'contoso', '--out', out])
    const [command = ''] = /jq -n [\s\S]+?--data-binary @-/.exec(stdout) ?? []
    expect(command).toContain('-X PUT "$POSTERN/profiles/default/credential"')
    // A function in the place of curl shows what would be sent.
    const body = execFileSync('bash', ['-c', `curl() { cat; }\n${command}`], { encoding: 'utf8' })
    expect(JSON.parse(body)).toEqual({
      credential: {
        type: 'certificate',
        certificate: readFileSync(join(out, 'contoso.cer.pem'), 'utf8'),
        privateKey: readFileSync(join(out, 'contoso.key.pem'), 'utf8'),
      },
    })
  })

  test('with --json prints the facts and the files, and no key', async () => {
    const { code, stdout } = await credential(
      ['new-certificate', '--days', '1', '--out', folder, '--json'],
      FAKE_NOW,
    )
    const facts = certificateFactsOf(read('postern.cer.pem'))
    expect(code).toBe(0)
    expect(JSON.parse(stdout)).toEqual({
      subject: 'CN=postern',
      thumbprint: facts?.thumbprint,
      thumbprintSha256: facts?.thumbprintSha256,
      keyType: 'rsa',
      keyBits: 3_072,
      validFrom: '2026-11-23T09:55:00.000Z',
      validUntil: '2026-11-24T10:00:00.000Z',
      certificateFile: join(folder, 'postern.cer.pem'),
      privateKeyFile: join(folder, 'postern.key.pem'),
    })
  })

  test.each(['contoso.cer.pem', 'contoso.key.pem'])('never overwrites %s', async (name) => {
    writeFileSync(join(folder, name), 'precious')
    const end = await credential(['new-certificate', 'contoso', '--out', folder])
    expect(end).toMatchObject({ code: 2, stdout: '' })
    expect(end.stderr).toContain(`${join(folder, name)} exists already and is not overwritten`)
    expect(readdirSync(folder)).toEqual([name])
    expect(read(name)).toBe('precious')
  })

  test.each([
    [['new-certificate', '--days', '0'], 'from 1 to 1095'],
    [['new-certificate', '--days', '1096'], 'from 1 to 1095'],
    [['new-certificate', '--days', '1.5'], 'from 1 to 1095'],
    [['new-certificate', '../evil'], '"../evil" cannot name the files'],
    [['new-certificate', '--pem-out', '.'], '--pem-out does not belong'],
    [['new-certificate', '--out', '/does/not/exist'], '/does/not/exist does not exist'],
    [['show'], 'name the PEM or PFX file'],
    [['show', '/does/not/exist.pfx'], '/does/not/exist.pfx does not exist'],
    [['show', 'x.pfx', '--days', '3'], '--days does not belong'],
    [[], 'say what to do'],
  ])('%j is refused with exit code 2', async (argv, words) => {
    const end = await credential(argv)
    expect(end).toMatchObject({ code: 2, stdout: '' })
    expect(end.stderr).toContain(words)
  })
})

describe('credential show', () => {
  test('reads a PFX file with its password', async () => {
    const end = await credential(['show', sample('aes.pfx'), '--password-file', passwordFile()])
    expect(end).toMatchObject({ code: 0, stderr: '' })
    expect(end.stdout).toContain(`Thumbprint (SHA-1)   ${PFX_THUMBPRINT}\n`)
    expect(end.stdout).toContain('can be used')
  })

  test('takes the PFX file apart into two PEM files', async () => {
    const argv = ['show', sample('aes.pfx'), '--password-file', passwordFile(), '--pem-out', folder]
    const end = await credential([...argv, '--json'])
    expect(end.code).toBe(0)
    expect(JSON.parse(end.stdout)).toMatchObject({
      thumbprint: PFX_THUMBPRINT,
      hasPrivateKey: true,
      problems: [],
      certificateFile: join(folder, 'aes.cer.pem'),
      privateKeyFile: join(folder, 'aes.key.pem'),
    })
    expect(modeOf('aes.key.pem')).toBe(0o600)
    const pair = { certificate: read('aes.cer.pem'), privateKey: new Secret(read('aes.key.pem')) }
    expect(checkCertificatePair({ ...pair, now: SAMPLES_VALID })).toEqual([])

    expect(await credential(argv)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('is not overwritten'),
    })
  })

  test('asks for the password of a PFX file, and says when it is wrong', async () => {
    const without = await credential(['show', sample('aes.pfx')])
    expect(without).toMatchObject({ code: 2, stderr: expect.stringContaining('--password-file') })
    const wrong = passwordFile('no-such-password')
    const end = await credential(['show', sample('aes.pfx'), '--password-file', wrong])
    expect(end).toMatchObject({ code: 2, stderr: expect.stringContaining('password') })
    expect(end.stderr).not.toContain('no-such-password')
  })

  test('tells the problems of a pair and ends with exit code 1', async () => {
    const end = await credential(['show', sample('rsa-1024.pem'), '--json'])
    expect(end.code).toBe(1)
    expect(JSON.parse(end.stdout).problems).toContainEqual(expect.stringContaining('1024 bits'))
    const shown = await credential(['show', sample('ec.pem')])
    expect(shown).toMatchObject({ code: 1, stdout: expect.stringContaining('Problem: ') })
  })

  test('judges a public certificate alone, and together with the key that is named', async () => {
    await credential(['new-certificate', 'one', '--days', '2', '--out', folder])
    await credential(['new-certificate', 'two', '--out', folder])
    const one = ['show', join(folder, 'one.cer.pem')]
    const alone = await credential(one)
    expect(alone).toMatchObject({ code: 0, stdout: expect.stringContaining('--key FILE') })
    const ended = await credential(one, SAMPLES_VALID + 3 * DAY_MS)
    expect(ended).toMatchObject({ code: 1, stdout: expect.stringContaining('ended at') })
    expect(ended.stdout).not.toContain('private key cannot be read')

    const both = await credential([...one, '--key', join(folder, 'one.key.pem')])
    expect(both).toMatchObject({ code: 0, stdout: expect.stringContaining('belong together') })
    const mixed = await credential([...one, '--key', join(folder, 'two.key.pem')])
    expect(mixed).toMatchObject({ code: 1, stdout: expect.stringContaining('does not belong') })
    const keyOnly = await credential(['show', join(folder, 'one.key.pem')])
    expect(keyOnly).toMatchObject({ code: 2, stderr: expect.stringContaining('no certificate') })
  })
})
