import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { ProcessSettings } from '../../src/config/index.ts'
import { repositoryFile } from '../support/golden.ts'

const dockerfile = readFileSync(repositoryFile('Dockerfile'), 'utf8')
const ignored = readFileSync(repositoryFile('.dockerignore'), 'utf8')

test('the image gets every file that the code reads from beside itself', () => {
  const readAtRunTime = new Set(
    readdirSync(repositoryFile('src'), { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.ts'))
      .flatMap((file) => [
        ...readFileSync(repositoryFile(`src/${file}`), 'utf8').matchAll(
          /new URL\('(?:\.\.\/)+([a-z.-]+)\/?', import\.meta\.url\)/g,
        ),
      ])
      .map(([, name]) => name ?? ''),
  )
  expect([...readAtRunTime].sort()).toEqual(['migrations', 'package.json'])
  const runtimeStage = dockerfile.slice(dockerfile.lastIndexOf('FROM '))
  for (const name of readAtRunTime)
    expect(runtimeStage).toMatch(new RegExp(`^COPY .*\\b${name}\\b`, 'm'))
})

test('every file that the Dockerfile copies exists and is let through by .dockerignore', () => {
  const copied = [...dockerfile.matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, names]) =>
    (names ?? '').split(' '),
  )
  expect(copied.length).toBeGreaterThan(5)
  for (const name of copied) {
    expect(existsSync(repositoryFile(name)), name).toBe(true)
    expect(ignored.split('\n'), name).toContain(`!${name.replace(/^\.\//, '')}`)
  }
})

test('the image runs as a normal user, keeps its data in a volume and checks its health', () => {
  expect(dockerfile).toMatch(/^USER node$/m)
  expect(dockerfile).toMatch(/^VOLUME \/data$/m)
  expect(dockerfile).toMatch(/^HEALTHCHECK .*"postern", "healthcheck"/m)
  expect(dockerfile).toMatch(/npm ci --omit=dev/)
})

test('process settings of Dockerfile and compose file exist', () => {
  const compose = readFileSync(repositoryFile('deploy/compose.yaml'), 'utf8')
  const named = `${dockerfile}\n${compose}`.match(/\bPOSTERN_[A-Z_]+\b/g) ?? []
  expect(named.length).toBeGreaterThan(2)
  expect(named.filter((name) => !(name in ProcessSettings.properties))).toEqual([])
})

test('the compose file takes rights away', () => {
  const { services } = parse(readFileSync(repositoryFile('deploy/compose.yaml'), 'utf8'))
  expect(services.postern).toMatchObject({
    read_only: true,
    cap_drop: ['ALL'],
    security_opt: ['no-new-privileges:true'],
  })
  for (const port of services.postern.ports) expect(port).toMatch(/^127\.0\.0\.1:/)
})
