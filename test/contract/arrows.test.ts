import { readdirSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { expect, test } from 'vitest'
import { repositoryFile } from '../support/golden.ts'

/** Who may import whom: a room may import every room on a floor below it, and those listed beside it. */
const FLOORS: readonly (readonly string[])[] = [
  ['platform'],
  ['config', 'storage', 'sandbox', 'diagnosis'],
  ['entra', 'smtp', 'access'],
  ['profiles'],
  ['verification'],
  ['outbox'],
  ['credentials', 'provisioning', 'setup', 'relay'],
  ['alerts'],
  ['status'],
  ['agent'],
  ['cli'],
  ['main'],
]

/** A feature's routes.ts and its …-routes.ts hang on the HTTP server's types; everything else of a feature knows no HTTP. */
const ROUTES_MAY_IMPORT = 'http'

interface Import {
  readonly from: string
  readonly room: string
  readonly to: string
  readonly target: string
}

function sources(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name)
    if (entry.isDirectory()) return sources(path)
    return /\.tsx?$/.test(entry.name) ? [path] : []
  })
}

const SRC = repositoryFile('src')

function roomOf(path: string): string {
  return (relative(SRC, path).split('/')[0] ?? '').replace(/\.ts$/, '')
}

const imports: Import[] = sources(SRC).flatMap((file) =>
  [...readFileSync(file, 'utf8').matchAll(/(?:from|import)\s*\(?\s*'(\.[^']+)'/g)].map((match) => {
    const target = join(file, '..', match[1] ?? '')
    return {
      from: relative(SRC, file),
      room: roomOf(file),
      to: roomOf(target),
      target: relative(SRC, target),
    }
  }),
)

const floorOf = (room: string) => FLOORS.findIndex((floor) => floor.includes(room))

test('every room stands on a floor', () => {
  const rooms = new Set(sources(SRC).map(roomOf))
  rooms.delete('http')
  expect([...rooms].filter((room) => floorOf(room) < 0)).toEqual([])
})

test('arrows point down only', () => {
  const wrong = imports.filter(({ from, room, to }) => {
    if (room === to) return false
    if (room === 'http') return to !== 'platform'
    if (to === ROUTES_MAY_IMPORT) return !/[/-]routes\.ts$/.test(from) && room !== 'agent'
    if (to === 'sandbox') return room !== 'cli'
    if (room === 'sandbox') return to !== 'platform'
    return floorOf(to) >= floorOf(room)
  })
  expect(wrong.map(({ from, target }) => `${from} -> ${target}`)).toEqual([])
})

test('another feature is entered through its index.ts or api.ts only', () => {
  const wrong = imports.filter(
    ({ room, to, target }) =>
      room !== to &&
      to !== 'platform' &&
      target.includes('/') &&
      !/\/(index|api)\.ts$/.test(target),
  )
  expect(wrong.map(({ from, target }) => `${from} -> ${target}`)).toEqual([])
})

test('the house is not empty: the scan finds the imports that it judges', () => {
  expect(imports.length).toBeGreaterThan(200)
})
