import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { COMMANDS } from '../../src/cli/index.ts'
import { ProcessSettings } from '../../src/config/index.ts'
import { repositoryFile } from '../support/golden.ts'

const README = readFileSync(repositoryFile('README.md'), 'utf8')
const PAGES = [
  'README.md',
  'ARCHITECTURE.md',
  'CONTRIBUTING.md',
  'SECURITY.md',
  'CHANGELOG.md',
  ...readdirSync(repositoryFile('docs'))
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
]

test.each(PAGES)('%s names only commands, settings and files that exist', (page) => {
  const text = readFileSync(repositoryFile(page), 'utf8')
  const commands = [...text.matchAll(/`?postern ([a-z]+)\b/g)].map(([, name]) => name)
  const known = COMMANDS.map(({ name }) => name)
  const inCode = [...text.matchAll(/`postern ([a-z]+)/g)].map(([, name]) => name)
  expect(inCode.filter((name) => !known.includes(name ?? ''))).toEqual([])
  expect(commands.length).toBeGreaterThanOrEqual(inCode.length)

  const settings = (text.match(/\bPOSTERN_[A-Z_]*[A-Z]\b/g) ?? []).map((name) =>
    name.replace(/_FILE$/, ''),
  )
  const unknown = settings.filter(
    (name) =>
      !(name in ProcessSettings.properties) &&
      !(`${name}_FILE` in ProcessSettings.properties) &&
      name !== 'POSTERN_RELAY',
  )
  expect(unknown).toEqual([])

  const folder = page.includes('/') ? `${page.split('/')[0]}/` : ''
  const links = [...text.matchAll(/\]\((?!https?:|#|mailto:)([^)#]+)/g)].map(
    ([, target]) => `${folder}${target}`,
  )
  expect(links.filter((target) => !existsSync(repositoryFile(target)))).toEqual([])
})

test('the settings file of the README is YAML with one profile', () => {
  const [, yaml = ''] = /```yaml\n([\s\S]*?)```/.exec(README) ?? []
  expect(parse(yaml).profiles).toHaveLength(1)
})

test('README and ARCHITECTURE stay short', () => {
  expect(README.split('\n').length).toBeLessThanOrEqual(200)
  expect(
    readFileSync(repositoryFile('ARCHITECTURE.md'), 'utf8').split('\n').length,
  ).toBeLessThanOrEqual(250)
})
