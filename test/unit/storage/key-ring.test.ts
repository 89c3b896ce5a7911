import { randomBytes } from 'node:crypto'
import { expect, test } from 'vitest'
import { Secret } from '../../../src/platform/secret.ts'
import { createKeyRing } from '../../../src/storage/index.ts'

const place = { table: 'credential', column: 'sealed', row: 'one' }

test('a sealed value opens in its place and does not contain the plain value', async () => {
  const ring = createKeyRing(randomBytes(32))
  const sealed = await ring.seal(new Secret('p@ssw0rd'), place)
  expect(sealed).not.toContain('p@ssw0rd')
  expect(sealed).not.toContain(Buffer.from('p@ssw0rd').toString('base64url'))
  expect((await ring.open(sealed, place)).reveal()).toBe('p@ssw0rd')
  expect(await ring.seal(new Secret('p@ssw0rd'), place)).not.toBe(sealed)
})

test('a value sealed with another master key does not open, and that is known beforehand', async () => {
  const sealed = await createKeyRing(randomBytes(32)).seal(new Secret('x'), place)
  const other = createKeyRing(randomBytes(32))
  expect(other.canOpen(sealed)).toBe(false)
  await expect(other.open(sealed, place)).rejects.toMatchObject({
    kind: 'unavailable',
    code: 'secret_unreadable',
    message: expect.stringContaining('another master key'),
  })
})

test('a value moved to another row, or altered, does not open', async () => {
  const ring = createKeyRing(randomBytes(32))
  const sealed = await ring.seal(new Secret('x'), place)
  await expect(ring.open(sealed, { ...place, row: 'two' })).rejects.toThrow(
    /belongs to another row/,
  )
  const [header, key, iv, body, tag] = sealed.split('.')
  const flipped = tag?.startsWith('A') ? `B${tag.slice(1)}` : `A${tag?.slice(1)}`
  await expect(ring.open([header, key, iv, body, flipped].join('.'), place)).rejects.toThrow(
    /damaged/,
  )
  await expect(ring.open('nonsense', place)).rejects.toMatchObject({ code: 'secret_unreadable' })
})

test('a master key of the wrong length is refused', () => {
  expect(() => createKeyRing(randomBytes(31))).toThrow(/31 bytes/)
})
