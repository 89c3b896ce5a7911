import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type TemporaryFolder, temporaryFolder } from '../../support/folder.ts'
import { createRig, entry, OTHER_SECRET, type Rig, SECRET_VALUE } from './harness.ts'

let folder: TemporaryFolder
let file: string
let rig: Rig

beforeEach(async () => {
  folder = temporaryFolder()
  file = join(folder.path, 'settings.yaml')
  writeFileSync(join(folder.path, 'secret'), `${SECRET_VALUE}\n`)
  rig = await createRig(file)
})
afterEach(async () => {
  await rig[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
})

/** The problems as `line:column: sentence`. */
async function problemsOf(text: string | Buffer): Promise<readonly string[]> {
  writeFileSync(file, text)
  const plan = await rig.provisioning.plan()
  expect(plan?.problems.every((line) => line.startsWith(`${file}:`))).toBe(true)
  return plan?.problems.map((line) => line.slice(file.length + 1)) ?? []
}

const valid = `profiles:\n${entry('default')}`

describe('A problem of the settings file is told with line and column', () => {
  it.each([
    [
      'an unknown key of a profile',
      valid.replace('    errorEmail', '    colour: red\n    errorEmail'),
      '6:5: colour is not a setting',
    ],
    [
      'an unknown key with dots',
      valid.replace('    errorEmail', '    a.b: red\n    errorEmail'),
      '6:5: a.b is not a setting',
    ],
    ['an unknown key at the top', `colour: red\n${valid}`, '1:1: This key is not known'],
    [
      'a wrong type deep inside',
      valid.replace('port: 587', 'port: "587"'),
      '7:41: server.port must be a whole number from 1 to 65535.',
    ],
    [
      'a rule',
      valid.replace('contoso.onmicrosoft.com', 'common'),
      '10:7: Tenant ID must name one tenant',
    ],
    [
      'a missing key, at what should hold it',
      valid.replace('    senderDisplayName: Process Alerts\n', ''),
      '2:5: senderDisplayName is missing',
    ],
    [
      'a missing secret file',
      valid.replace('valueFile: secret', 'valueFile: nowhere'),
      '14:9: The secret file',
    ],
    [
      'a secret file that is a folder',
      valid.replace('valueFile: secret', 'valueFile: .'),
      '14:9: The secret file',
    ],
    [
      'a path that is a number',
      valid.replace('valueFile: secret', 'valueFile: 7'),
      '14:9: valueFile must be the path of a file.',
    ],
    [
      'value and valueFile',
      valid.replace('valueFile: secret', `value: ${SECRET_VALUE}\n        valueFile: secret`),
      '15:9: value and valueFile cannot both stand here',
    ],
    ['an entry that is no object', 'profiles:\n  - id\n', '2:5: A profile must be an object'],
    ['an id used twice', `profiles:\n${entry('a')}${entry('a')}`, '16:5: The id “a” is used twice'],
    ['profiles as an object', 'profiles:\n  default: {}\n', '1:1: profiles must be a list'],
    ['profiles left blank', '# settings\nprofiles:\n', '2:1: profiles must be a list'],
    ['an empty file', '', '1:1: The file must hold one key'],
    ['an unclosed quote', `${valid}    extra: "x\n`, ': The YAML cannot be read: A closing quote'],
    [
      'a key used twice',
      valid.replace('    errorEmail', '    id: x\n    errorEmail'),
      '6:5: The YAML cannot be read: This key stands here twice',
    ],
    ['a tab as indentation', 'profiles:\n\t- id: x\n', '2:1: The YAML cannot be read: A tab'],
    ['an unknown tag', 'profiles: !mine []\n', '1:11: The YAML cannot be read: This tag'],
    [
      'a second document',
      `${valid}---\nprofiles: []\n`,
      '16:1: The YAML cannot be read: A second document',
    ],
  ])('%s', async (_title, text, expected) => {
    const problems = await problemsOf(text)
    expect(problems.join('\n')).toContain(expected)
    expect(problems.filter((line) => line.includes(expected))).toHaveLength(1)
  })

  it('and every one at once, of the file, of its secrets and of the rules', async () => {
    const text = valid
      .replace('valueFile: secret', 'valueFile: nowhere')
      .replace('alerts@contoso.com', 'alerts')
      .replace('port: 587', 'port: 0')
    const places = (await problemsOf(text)).map((line) => line.split(': ')[0])
    expect(places.sort()).toEqual(['14:9', '4:5', '7:41'])
  })

  it('also when an alias leads to it', async () => {
    const text = `profiles:\n${entry('a')
      .replace('server: {', 'server: &s {')
      .replace('port: 587', 'port: 0')}${entry('b').replace(/server: \{.*\}/, 'server: *s')}`
    expect((await problemsOf(text)).map((line) => line.slice(0, 5))).toEqual(['7:44:', '7:44:'])
  })

  it('at the file when a secret’s content is wrong, without showing it', async () => {
    const id = '58e2a9c4-0f7b-4163-8d95-b6c1e3f4a720'
    writeFileSync(join(folder.path, 'secret'), id)
    const [problem, ...others] = await problemsOf(valid)
    expect(problem).toMatch(/^14:9: This looks like the secret’s ID: paste its Value/)
    expect(problem).not.toContain(id)
    expect(others).toEqual([])
  })

  it.each([
    ['empty', '\n', 'is empty'],
    ['not text', Buffer.from([0xff, 0xfe, 0x00]), 'does not hold text'],
    ['too large', 'x'.repeat(20_000), 'is larger than 16384 bytes'],
  ])('when a secret file is %s', async (_title, content, expected) => {
    writeFileSync(join(folder.path, 'secret'), content)
    expect((await problemsOf(valid))[0]).toContain(expected)
  })

  it('when the file is missing, a folder, no text or too large', async () => {
    expect((await rig.provisioning.plan())?.problems[0]).toContain(
      ':1:1: The settings file does not exist',
    )
    expect((await problemsOf(Buffer.from([0xc3, 0x28])))[0]).toContain('not UTF-8')
    expect((await problemsOf('#'.repeat(9_000_000)))[0]).toContain('is larger than')
    const path = join(folder.path, 'a-folder')
    mkdirSync(path)
    await using other = await createRig(path)
    expect((await other.provisioning.plan())?.problems[0]).toContain('The settings file is')
  })

  it('and never quotes what a broken line holds', async () => {
    for (const broken of [
      `value: "${SECRET_VALUE}`,
      `value: { ${SECRET_VALUE}`,
      `${SECRET_VALUE}: [`,
      `value:${SECRET_VALUE}`,
      `value: @${SECRET_VALUE} ]`,
    ]) {
      const problems = await problemsOf(valid.replace('valueFile: secret', broken))
      expect(problems.length).toBeGreaterThan(0)
      expect(problems.join('\n')).not.toContain('Q~')
    }
  })

  it('an explosion of aliases included', async () => {
    const levels = Array.from({ length: 9 }, (_, i) => {
      const items = Array.from({ length: 9 }, () => (i === 0 ? 'x' : `*l${i - 1}`)).join(', ')
      return `l${i}: &l${i} [${items}]`
    })
    const problems = await problemsOf(`${levels.join('\n')}\nprofiles: *l8\n`)
    expect(problems).toEqual(['1:1: The aliases in the file cannot be resolved.'])
  })
})

describe('The hash', () => {
  const hashOf = async (text: string) => {
    writeFileSync(file, text)
    return (await rig.provisioning.plan())?.hash
  }

  it('is what sha256sum prints for the file', async () => {
    expect(await hashOf(valid)).toBe(createHash('sha256').update(valid).digest('hex'))
  })

  it('does not depend on a secret that stands in the file, so that nobody can guess it from the hash', async () => {
    const withSecret = (value: string) => valid.replace('valueFile: secret', `value: ${value}`)
    const hash = await hashOf(withSecret(SECRET_VALUE))
    expect(await hashOf(withSecret(OTHER_SECRET))).toBe(hash)
    expect(hash).toBe(createHash('sha256').update(withSecret('[secret]')).digest('hex'))
    const plan = await rig.provisioning.plan()
    expect(plan?.warnings).toEqual([
      expect.stringContaining(`${file}:14:9: The secret stands in the settings file itself`),
    ])
  })
})
