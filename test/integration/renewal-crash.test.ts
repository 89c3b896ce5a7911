import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { temporaryFolder } from '../support/folder.ts'
import {
  type CrashChain,
  type Point,
  prepareStarts,
  type Subject,
  startCrashChain,
  TOKEN_BY_NEW,
} from './renewal-crash-chain.ts'

const journal = 'select 1 from credential_renewal where profile_id = @id'
const stored = 'select 1 from credential where profile_id = @id'
const committed = (what: string, sql: string): Point => ({ at: 'commit', what, sql })
/** That step, or a later one: the process may be quicker than who looks. */
const step = (...names: string[]) =>
  committed(`journal ${names[0]}`, `${journal} and step in (${names.map((name) => `'${name}'`)})`)
const state = (...names: string[]) =>
  committed(
    `credential ${names[0]}`,
    `${stored} and state in (${names.map((name) => `'${name}'`)})`,
  )
const around = (...calls: string[]): Point[] =>
  calls.flatMap((call) => [{ at: 'before', call } as const, { at: 'after', call } as const])
const ADDED = step('added', 'staged', 'active')
const READ = '$select=id'

/** From the beginning until the new credential is in use. */
const makingWith = (add: string): readonly Point[] => [
  ...around(READ, add),
  ADDED,
  state('staged', 'fallback'),
  ...around(TOKEN_BY_NEW),
  { at: 'login' },
  state('fallback'),
  step('active'),
]

/** When the grace time is over. */
const removingWith = (remove: string): readonly Point[] => [
  ...around(READ, remove),
  committed(
    'fallback dropped',
    `${journal} and remove_after = 0 and not exists (${stored} and state = 'fallback')`,
  ),
  step('removed'),
]

const cache = temporaryFolder()
beforeAll(() => prepareStarts(cache.path))
const tally = { killed: 0, recovered: 0 }
afterAll(() => {
  const { killed, recovered } = tally
  cache[Symbol.dispose]()
  process.stdout.write(`renewal interrupted by kill -9: ${recovered} of ${killed} recovered\n`)
})

/** The new credential is in use, its renewal waits for the end of the grace time, and nothing else is there. */
async function expectInUse(chain: CrashChain, subject: Subject): Promise<string> {
  await chain.untilStep('active', subject)
  const { active, states, atEntra } = await chain.look(subject)
  expect(states).toEqual(['active', 'fallback'])
  expect(atEntra).toHaveLength(2)
  expect(atEntra).toContain(active)
  return active
}

describe.concurrent('A renewal that is killed at each of its steps', () => {
  it.each([
    ['clientSecret', ['Application.ReadWrite.OwnedBy'], 'addPassword', 'removePassword'],
    ['certificate', ['Application.Read.All'], 'addKey', 'removeKey'],
    // Nobody tells Postern the key id of a certificate that was uploaded by hand: it stays at Entra.
    ['certificate', [], 'addKey', null],
  ] as const)(
    'ends with one %s that works and no orphan (Graph permissions: %j)',
    async (kind, roles, add, remove) => {
      await using chain = await startCrashChain(kind, {
        graphRoles: roles,
        cacheFolder: cache.path,
      })
      const removing = remove === null ? [] : removingWith(remove)
      // Only what becomes of a lost answer depends on what the application may read.
      const making = remove === null ? [...around(add), ADDED] : makingWith(add)
      for (const [index, early] of making.entries()) {
        const subject = await chain.register(`p${index}`)
        tally.killed += 1
        await chain.kill(early, subject, () => chain.create(subject))
        const inUse = await expectInUse(chain, subject)
        tally.recovered += 1

        const late = removing[index]
        const end = () => chain.endGrace(subject)
        if (late === undefined) await end()
        else {
          tally.killed += 1
          await chain.kill(late, subject, end)
        }
        await chain.untilStep('removed', subject)
        const { active, states, atEntra } = await chain.look(subject)
        expect(active).toBe(inUse)
        expect(atEntra).toHaveLength(remove === null ? 2 : 1)
        expect(states).toEqual(remove === null ? ['active', 'fallback'] : ['active'])
        if (late !== undefined) tally.recovered += 1
      }
      // None of the starts has begun another one.
      expect(chain.count('credential_renewal')).toBe(making.length)
    },
    300_000,
  )
})
