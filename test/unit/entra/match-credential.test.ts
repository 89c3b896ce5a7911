import { describe, expect, test } from 'vitest'
import {
  type KeyCredential,
  matchCredential,
  newerThan,
  type PasswordCredential,
} from '../../../src/entra/index.ts'

const THUMBPRINT = 'A1B2C3D4E5F60718293A4B5C6D7E8F9012345678'
const nothing = { hint: null, keyId: null, thumbprint: null }

function password(keyId: string, hint: string, startsAt: number, endsAt: number | null) {
  return { type: 'password', keyId, displayName: '', hint, startsAt, endsAt } as const
}

function key(keyId: string, thumbprint: string, startsAt: number, endsAt: number) {
  return { type: 'certificate', keyId, displayName: '', thumbprint, startsAt, endsAt } as const
}

function application(
  passwordCredentials: PasswordCredential[],
  keyCredentials: KeyCredential[] = [],
) {
  return { passwordCredentials, keyCredentials }
}

describe('the stored credential', () => {
  const app = application(
    [password('p1', 'abC', 1, 30), password('p2', 'xyz', 2, 20), password('p3', '', 3, 10)],
    [key('k1', THUMBPRINT, 1, 10)],
  )

  test.each([
    ['by the first characters', { hint: 'abC' }, 'p1'],
    ['by more characters than Graph shows', { hint: 'xyzw' }, 'p2'],
    ['by its key id, whatever the characters', { keyId: 'P2', hint: 'abC' }, 'p2'],
    ['by its characters when the key id is unknown', { keyId: 'gone', hint: 'abC' }, 'p1'],
    ['by its thumbprint', { thumbprint: THUMBPRINT.toLowerCase() }, 'k1'],
  ])('is found %s', (_title, traits, keyId) => {
    expect(matchCredential(app, { ...nothing, ...traits })).toMatchObject({
      credential: { keyId },
      ambiguous: false,
    })
  })

  test.each([
    ['other characters', { hint: 'Abc' }],
    ['fewer characters than Graph shows', { hint: 'ab' }],
    ['another thumbprint', { thumbprint: '00' }],
    ['nothing known', {}],
  ])('is not found by %s', (_title, traits) => {
    expect(matchCredential(app, { ...nothing, ...traits })).toBeUndefined()
  })

  test('is the one that ends first when several fit, and that is said', () => {
    const twins = application([
      password('late', 'abC', 1, null),
      password('early', 'ab', 1, 20),
      password('later', 'abC', 1, 30),
    ])
    expect(matchCredential(twins, { ...nothing, hint: 'abC' })).toMatchObject({
      credential: { keyId: 'early' },
      ambiguous: true,
    })
  })
})

describe('a newer credential', () => {
  const stored = password('stored', 'abC', 10, 100)

  test('began later and ends later, the longest first', () => {
    const app = application([
      password('older', 'aaa', 5, 200),
      stored,
      password('shorter', 'bbb', 20, 90),
      password('newer', 'ccc', 20, 200),
      password('endless', 'ddd', 20, null),
    ])
    expect(newerThan(app, stored).map(({ keyId }) => keyId)).toEqual(['endless', 'newer'])
  })

  test('is of the same type', () => {
    const app = application([stored], [key('k', THUMBPRINT, 20, 200)])
    expect(newerThan(app, stored)).toEqual([])
  })
})
