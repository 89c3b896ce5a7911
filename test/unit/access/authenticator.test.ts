import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { Principal } from '../../../src/access/index.ts'
import { MINUTE_MS, SECOND_MS } from '../../../src/platform/clock.ts'
import { startAccess, TESTER } from './harness.ts'

const HOME = '198.51.100.7'
const PRESET = 'my-own-preset-token-0001'

async function setUp() {
  const access = await startAccess()
  const { authenticator, tokens } = access
  const login = async (token: string, address = HOME) =>
    await authenticator.authenticate(`Bearer ${token}`, address)
  const fail = async (times: number, address = HOME) => {
    for (let i = 0; i < times; i++) {
      await expect(login(`pst_wrong${i}`, address)).rejects.toMatchObject({ code: 'token_invalid' })
    }
  }
  const make = async (scopes: ('admin' | 'operator' | 'send' | 'monitor')[], expiresAt?: string) =>
    await tokens.create(
      { name: 'a', scopes, ...(expiresAt !== undefined && { expiresAt }) },
      TESTER,
    )
  return { access, login, fail, make, [Symbol.asyncDispose]: () => access[Symbol.asyncDispose]() }
}

const BLOCKED = { kind: 'rate_limited', code: 'too_many_failed_logins' }

test.each([
  ['no header', undefined],
  ['another scheme', 'Basic YTpi'],
  ['a scheme alone', 'Bearer '],
  ['two words', 'Bearer a b'],
  ['an endless token', `Bearer ${'a'.repeat(513)}`],
])('%s is no token', async (_, header) => {
  await using t = await setUp()
  expect(() => t.access.authenticator.authenticate(header, HOME)).toThrow(
    expect.objectContaining({ kind: 'unauthenticated', code: 'token_missing' }),
  )
})

test('each scope holds what it includes and nothing more', async () => {
  await using t = await setUp()
  const scopesOf = async (scope: 'admin' | 'operator' | 'send' | 'monitor') =>
    [...(await t.login((await t.make([scope])).token)).scopes].sort()
  expect(await scopesOf('admin')).toEqual(['admin', 'monitor', 'operator', 'send'])
  expect(await scopesOf('operator')).toEqual(['monitor', 'operator', 'send'])
  expect(await scopesOf('send')).toEqual(['send'])
  expect(await scopesOf('monitor')).toEqual(['monitor'])
})

test('stored scopes that are damaged permit nothing', async () => {
  await using t = await setUp()
  const { token } = await t.make(['admin'])
  await t.access.storage.db.updateTable('api_token').set({ scopes: '["root"]' }).execute()
  expect((await t.login(token)).scopes.size).toBe(0)
})

test('a token that has been seen is answered without a promise', async () => {
  await using t = await setUp()
  const { token, id } = await t.make(['monitor'])
  const again = () => t.access.authenticator.authenticate(`bearer ${token}`, HOME)
  const first: Principal | Promise<Principal> = again()
  expect(first).toBeInstanceOf(Promise)
  await first
  expect(again()).toMatchObject({ tokenId: id, name: 'a' })
})

test('a wrong token is refused, also one that differs in its last character', async () => {
  await using t = await setUp()
  const { token } = await t.make(['monitor'])
  const last = token.endsWith('A') ? 'B' : 'A'
  await expect(t.login(token.slice(0, -1) + last)).rejects.toMatchObject({ code: 'token_invalid' })
})

test('a token ends at its instant, also when it is known', async () => {
  await using t = await setUp()
  const { token } = await t.make(['monitor'], '2026-11-23T10:05:00Z')
  await t.access.clock.advance(5 * MINUTE_MS - 1)
  await t.login(token)
  await t.access.clock.advance(1)
  await expect(t.login(token)).rejects.toMatchObject({ code: 'token_expired' })
})

test('a revocation counts from the next request on', async () => {
  await using t = await setUp()
  const { token, id } = await t.make(['monitor'])
  await t.login(token)
  await t.access.tokens.revoke(id, TESTER)
  await expect(t.login(token)).rejects.toMatchObject({ code: 'token_invalid' })
})

test('a revocation by another process counts from the next request on', async () => {
  await using t = await setUp()
  const { token, id } = await t.make(['monitor'])
  await t.login(token)
  await using beside = await t.access.beside()
  await beside.tokens.revoke(id, TESTER)
  // Nothing of another process happens within one turn of this one's event loop.
  await nextTurn()
  await expect(t.login(token)).rejects.toMatchObject({ code: 'token_invalid' })
})

test('a revocation during the very look-up is not forgotten', async () => {
  await using t = await setUp()
  const { token, id } = await t.make(['monitor'])
  await Promise.allSettled([t.login(token), t.access.tokens.revoke(id, TESTER)])
  await expect(t.login(token)).rejects.toMatchObject({ code: 'token_invalid' })
})

test('the last use is written at most once a minute', async () => {
  await using t = await setUp()
  const { token } = await t.make(['monitor'])
  const lastUse = async () => {
    await t.access.settled()
    return (await t.access.tokens.list())[0]?.lastUsedAt
  }
  await t.login(token)
  expect(await lastUse()).toBe('2026-11-23T10:00:00.000Z')
  await t.access.clock.advance(59 * SECOND_MS)
  await t.login(token)
  expect(await lastUse()).toBe('2026-11-23T10:00:00.000Z')
  await t.access.clock.advance(SECOND_MS)
  await t.login(token)
  expect(await lastUse()).toBe('2026-11-23T10:01:00.000Z')
})

test('a last use that cannot be written does not refuse the caller', async () => {
  await using t = await setUp()
  const { token } = await t.make(['monitor'])
  await t.login(token)
  await t.access.settled()
  await t.access.clock.advance(MINUTE_MS)
  const granted = t.access.authenticator.authenticate(`Bearer ${token}`, HOME)
  await t.access.storage[Symbol.asyncDispose]()
  await t.access.settled()
  expect(granted).toMatchObject({ name: 'a' })
  expect(t.access.log.lines.join('')).toContain('last use of a token not written')
})

test('ten failed logins in a minute block the address until the minute is over', async () => {
  await using t = await setUp()
  await t.fail(4)
  await t.access.clock.advance(20 * SECOND_MS)
  await t.fail(6)
  await expect(t.login('pst_wrong')).rejects.toMatchObject({ ...BLOCKED, retryAfterMs: 40_000 })
  await t.fail(1, '198.51.100.8')
  await t.access.clock.advance(40 * SECOND_MS)
  await t.fail(1)
})

test('a block is logged once, with the address and without the tokens', async () => {
  await using t = await setUp()
  await t.fail(10)
  for (let i = 0; i < 5; i++) await expect(t.login('pst_wrong')).rejects.toMatchObject(BLOCKED)
  const lines = t.access.log.entries().filter(({ level }) => level === 'warn')
  expect(lines).toMatchObject([{ address: HOME }])
  expect(t.access.log.lines.join('')).not.toContain('pst_wrong')
})

test('a good token passes a blocked address, known or not', async () => {
  await using t = await setUp()
  const known = await t.make(['monitor'])
  const unknown = await t.make(['monitor'])
  await t.login(known.token)
  await t.fail(10)
  expect(await t.login(known.token)).toMatchObject({ tokenId: known.id })
  expect(await t.login(unknown.token)).toMatchObject({ tokenId: unknown.id })
})

test('a preset token is not tried out from a blocked address, though it is in use elsewhere', async () => {
  await using t = await setUp()
  await t.access.tokens.ensurePreset(PRESET)
  await t.login(PRESET, '203.0.113.1')
  await t.fail(10)
  await expect(t.login(PRESET)).rejects.toMatchObject(BLOCKED)
  await expect(t.login(`${PRESET}x`)).rejects.toMatchObject(BLOCKED)
  await t.login(PRESET, '203.0.113.1')
})

test('a preset token goes on working at an address that others got blocked', async () => {
  await using t = await setUp()
  await t.access.tokens.ensurePreset(PRESET)
  await t.login(PRESET)
  await t.fail(10)
  await t.login(PRESET)
  await t.make(['send'])
  await t.login(PRESET)
})

test('addresses of one IPv6 net count as one', async () => {
  await using t = await setUp()
  for (let i = 1; i <= 10; i++) await t.fail(1, `2001:db8:0:1::${i.toString(16)}`)
  await expect(t.login('pst_x', '2001:db8:0:1:ffff::1')).rejects.toMatchObject(BLOCKED)
  await t.fail(1, '2001:db8:0:2::1')
})
