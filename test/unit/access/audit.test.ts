import { expect, test } from 'vitest'
import { Secret } from '../../../src/platform/secret.ts'
import { startAccess, TESTER } from './harness.ts'

const target = { type: 'profile', id: 'default' }

test('a change is recorded by its changed keys alone, nested ones included', async () => {
  await using access = await startAccess()
  await access.audit.record({
    actor: TESTER,
    action: 'profile.changed',
    target,
    before: { name: 'a', server: { host: 'x', port: 25 }, to: ['a'], gone: 1 },
    after: { name: 'a', server: { host: 'x', port: 587 }, to: ['a', 'b'], added: null },
  })
  expect(await access.audit.list({ limit: 1 })).toEqual([
    {
      id: 1,
      at: '2026-11-23T10:00:00.000Z',
      actor: { type: 'token', id: 't-1', name: 'tester', address: '192.0.2.1' },
      action: 'profile.changed',
      target,
      change: {
        before: { server: { port: 25 }, to: ['a'], gone: 1 },
        after: { server: { port: 587 }, to: ['a', 'b'], added: null },
      },
    },
  ])
})

test('what is new or gone is recorded whole', async () => {
  await using access = await startAccess()
  await access.audit.record({ actor: TESTER, action: 'a', target, after: { name: 'a' } })
  await access.audit.record({ actor: TESTER, action: 'b', target, before: { name: 'a' } })
  await access.audit.record({ actor: TESTER, action: 'c', target })
  const changes = (await access.audit.list({ limit: 9 })).map(({ change }) => change)
  expect(changes).toEqual([{}, { before: { name: 'a' } }, { after: { name: 'a' } }])
})

test('a Secret anywhere in it is refused, and nothing is written', async () => {
  await using access = await startAccess()
  const record = access.audit.record({
    actor: TESTER,
    action: 'a',
    target,
    after: { list: [{ credential: new Secret('s3cret') }] },
  })
  await expect(record).rejects.toThrow('a secret was about to be written')
  expect(await access.audit.list({ limit: 1 })).toEqual([])
})

test('texts under the names of secrets are not recorded even as plain texts', async () => {
  await using access = await startAccess()
  await access.audit.record({
    actor: TESTER,
    action: 'a',
    target,
    before: { credential: { value: 'old', type: 'clientSecret' } },
    after: { credential: { value: 'new', type: 'clientSecret' }, password: 'pw' },
  })
  const rows = await access.storage.db.selectFrom('audit').selectAll().execute()
  expect(rows[0]?.change).toBe('{"before":{},"after":{"password":"[secret]"}}')
})

test('a record falls with the change that it belongs to', async () => {
  await using access = await startAccess()
  const change = access.storage.db.transaction().execute(async (transaction) => {
    await access.audit.record({ actor: TESTER, action: 'a', target }, transaction)
    throw new Error('the change failed')
  })
  await expect(change).rejects.toThrow('the change failed')
  expect(await access.audit.list({ limit: 1 })).toEqual([])
})

test('records are read newest first, page by page, by what they are about', async () => {
  await using access = await startAccess()
  for (const id of ['a', 'b', 'a', 'a']) {
    await access.audit.record({ actor: TESTER, action: 'x', target: { type: 'profile', id } })
  }
  const ids = async (options: { before?: number; targetId?: string; targetType?: string }) =>
    (await access.audit.list({ limit: 2, ...options })).map(({ id }) => id)
  expect(await ids({})).toEqual([4, 3])
  expect(await ids({ before: 3 })).toEqual([2, 1])
  expect(await ids({ targetId: 'a', before: 4 })).toEqual([3, 1])
  expect(await ids({ targetType: 'token' })).toEqual([])
})

test('a damaged record shows without its change and hides no other', async () => {
  await using access = await startAccess()
  await access.audit.record({ actor: TESTER, action: 'a', target, after: { name: 'a' } })
  await access.audit.record({ actor: TESTER, action: 'b', target, after: { name: 'b' } })
  await access.storage.db.updateTable('audit').set({ change: '{' }).where('id', '=', 1).execute()
  const entries = await access.audit.list({ limit: 9 })
  expect(entries.map(({ change }) => change)).toEqual([{ after: { name: 'b' } }, null])
})
