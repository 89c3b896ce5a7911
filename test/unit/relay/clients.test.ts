import { expect, test } from 'vitest'
import { type RelayClientInput, relayClientRoutes } from '../../../src/relay/index.ts'
import { ALL_SCOPES, createTestServer } from '../../support/http.ts'
import { ADMIN, startClients } from './harness.ts'

const PASSWORD = 'correct horse battery'

test('a client is made with safe defaults, and its secret is shown once and stored as a hash', async () => {
  await using rig = await startClients()
  const made = await rig.clients.create({ name: 'Scanner, 2nd floor', profileId: 'default' }, ADMIN)
  expect(made).toMatchObject({
    name: 'Scanner, 2nd floor',
    username: 'scanner-2nd-floor',
    authentication: 'generated',
    allowedFrom: [],
    fromPolicy: 'reject',
    applySubjectPrefix: false,
    repair: { missingDate: false, missingMessageId: false, brokenFrom: false },
    messagesPerMinute: null,
    maxMessageBytes: null,
    maxRecipients: 500,
    addresses: [],
    bounces: false,
    priority: 'interactive',
    enabled: true,
    lastUsedAt: null,
  })
  expect(made.secret).toMatch(/^psr_[\w-]{43}$/)
  const { secret: _, ...view } = made
  expect(await rig.clients.get(made.id)).toEqual(view)
  const rows = JSON.stringify(await rig.storage.db.selectFrom('relay_client').selectAll().execute())
  const records = JSON.stringify(await rig.audit.list({ limit: 10 }))
  expect(records).toContain('relay_client.created')
  for (const text of [rows, records, rig.log.lines.join('')])
    expect(text).not.toContain(made.secret)
})

test('a change keeps the secret unless a new one is asked for, and is recorded', async () => {
  await using rig = await startClients()
  const made = await rig.clients.create({ name: 'app', profileId: 'default' }, ADMIN)
  const kept = await rig.clients.replace(made.id, { name: 'app 2', profileId: 'other' }, ADMIN)
  expect(kept).toMatchObject({ name: 'app 2', username: 'app', secret: null })
  expect(kept.secretHint).toBe(made.secretHint)
  const renewed = await rig.clients.replace(
    made.id,
    { name: 'app 2', profileId: 'other', renewSecret: true },
    ADMIN,
  )
  expect(renewed.secret).toMatch(/^psr_/)
  expect(renewed.secret).not.toBe(made.secret)
  const chosen = { name: 'app 2', profileId: 'other', authentication: 'password' } as const
  await expect(rig.clients.replace(made.id, chosen, ADMIN)).rejects.toMatchObject({
    code: 'relay_client_invalid',
  })
  await rig.clients.replace(made.id, { ...chosen, password: PASSWORD }, ADMIN)
  expect(await rig.clients.replace(made.id, chosen, ADMIN)).toMatchObject({ secret: null })
  await rig.clients.remove(made.id, ADMIN)
  await expect(rig.clients.get(made.id)).rejects.toMatchObject({ code: 'relay_client_not_found' })
  const records = await rig.audit.list({ limit: 10, targetId: made.id })
  expect(records.map(({ action }) => action)).toEqual([
    'relay_client.removed',
    'relay_client.changed',
    'relay_client.changed',
    'relay_client.changed',
    'relay_client.changed',
    'relay_client.created',
  ])
  expect(JSON.stringify(records)).not.toContain(PASSWORD)
})

const WRONG: readonly (readonly [string, Partial<RelayClientInput>, string])[] = [
  ['no such profile', { profileId: 'nothing' }, 'profileId'],
  ['a blank name', { name: '  ' }, 'name'],
  ['a name of two lines', { name: 'a\nb' }, 'name'],
  ['a short password', { authentication: 'password', password: 'short' }, 'password'],
  ['no password', { authentication: 'password' }, 'password'],
  ['a needless password', { password: PASSWORD }, 'password'],
  [
    'a password like a generated secret',
    { authentication: 'password', password: `psr_${'a'.repeat(43)}` },
    'password',
  ],
  ['no address', { authentication: 'address' }, 'addresses'],
  [
    'a needless username',
    { authentication: 'address', addresses: ['::1'], username: 'x' },
    'username',
  ],
  ['the whole Internet', { authentication: 'address', addresses: ['0.0.0.0/0'] }, 'addresses.0'],
  ['all of IPv6', { authentication: 'address', addresses: ['::1', '::/0'] }, 'addresses.1'],
  ['a whole provider', { authentication: 'address', addresses: ['10.0.0.0/15'] }, 'addresses.0'],
  [
    'IPv6 of many sites',
    { authentication: 'address', addresses: ['2001:db8::/47'] },
    'addresses.0',
  ],
  [
    'the Internet in another form',
    { authentication: 'address', addresses: ['::ffff:0.0.0.0/0'] },
    'addresses.0',
  ],
  ['a broken network', { addresses: ['192.0.2.0/33'] }, 'addresses.0'],
  ['a host name as address', { addresses: ['printer.local'] }, 'addresses.0'],
  ['a broken sender', { allowedFrom: ['alerts@contoso.com', 'nonsense'] }, 'allowedFrom.1'],
  ['a broken domain', { allowedFrom: ['@'] }, 'allowedFrom.0'],
  ['too many recipients', { maxRecipients: 100_000 }, 'maxRecipients'],
]

test.each(WRONG)('%s is refused with the field', async (_, wrong, field) => {
  await using rig = await startClients()
  const input = { name: 'app', profileId: 'default', ...wrong }
  await expect(rig.clients.create(input, ADMIN)).rejects.toMatchObject({
    code: 'relay_client_invalid',
    problems: [{ field }],
  })
})

test('a network that is too wide for clients without a login is refused with the way out', async () => {
  await using rig = await startClients()
  const input = { name: 'app', profileId: 'default', addresses: ['10.0.0.0/8'] }
  await expect(rig.clients.create({ ...input, authentication: 'address' }, ADMIN)).rejects.toThrow(
    /too wide.*\/16.*\/48.*addresses \(--address\).*log in/,
  )
  expect((await rig.clients.create(input, ADMIN)).addresses).toEqual(['10.0.0.0/8'])
})

test('two clients cannot have the same username, in any case', async () => {
  await using rig = await startClients()
  await rig.clients.create({ name: 'app', profileId: 'default' }, ADMIN)
  const again = { name: 'other', profileId: 'default', username: 'APP' }
  await expect(rig.clients.create(again, ADMIN)).rejects.toMatchObject({
    kind: 'conflict',
    code: 'relay_client_username_taken',
  })
})

test('a change of another process is seen', async () => {
  await using rig = await startClients()
  await using beside = await rig.beside()
  const made = await beside.clients.create({ name: 'app', profileId: 'default' }, ADMIN)
  expect(rig.clients.forLogin('app')).toBeUndefined()
  let changes = 0
  rig.clients.onChange(() => {
    changes += 1
  })
  await rig.clock.advance(250)
  await rig.clients.refresh()
  expect(rig.clients.forLogin('app')?.client.id).toBe(made.id)
  await beside.clients.remove(made.id, ADMIN)
  await rig.clock.advance(250)
  await rig.clients.refresh()
  expect(rig.clients.forLogin('app')).toBeUndefined()
  expect(changes).toBe(2)
})

test('a damaged client is shown and switched off, and can be repaired', async () => {
  await using rig = await startClients()
  const made = await rig.clients.create({ name: 'app', profileId: 'default' }, ADMIN)
  await rig.storage.db.updateTable('relay_client').set({ settings: '{"name":5' }).execute()
  await using beside = await rig.beside()
  expect(await beside.clients.list()).toMatchObject([{ id: made.id, enabled: false }])
  expect(beside.clients.forLogin('app')).toBeUndefined()
  await beside.clients.replace(made.id, { name: 'app', profileId: 'default' }, ADMIN)
  expect(beside.clients.forLogin('app')?.client.enabled).toBe(true)
})

test('addresses are matched as IPv4, IPv6 and IPv4 in IPv6, the narrowest network first', async () => {
  await using rig = await startClients()
  const add = async (name: string, addresses: string[]) =>
    await rig.clients.create(
      { name, profileId: 'default', authentication: 'address', addresses },
      ADMIN,
    )
  await add('wide', ['10.1.0.0/16', '2001:db8:1::/48'])
  await add('narrow', ['10.1.2.0/24', '2001:db8:1:1::/64', '::ffff:10.9.9.9'])
  const nameOf = (address: string) => rig.clients.forAddress(address)?.name
  expect(
    [
      '10.1.2.3',
      '::ffff:10.1.2.3',
      '10.1.9.1',
      '2001:db8:1:1::5',
      '2001:db8:1:2::5',
      '10.9.9.9',
    ].map(nameOf),
  ).toEqual(['narrow', 'narrow', 'wide', 'narrow', 'wide', 'narrow'])
  expect([nameOf('11.0.0.1'), nameOf('::1'), nameOf('')]).toEqual([undefined, undefined, undefined])
})

test('administrators manage clients over HTTP, and nobody else', async () => {
  await using rig = await startClients()
  await using server = createTestServer({ routes: [relayClientRoutes({ clients: rig.clients })] })
  const call = async (method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: object) =>
    await server.app.inject({
      method,
      url: `/api/v1/relay-clients${path}`,
      headers: ALL_SCOPES,
      ...(body && { body }),
    })
  const made = await call('POST', '', { name: 'app', profileId: 'default' })
  expect(made.statusCode).toBe(201)
  const { id, secret } = made.json()
  expect((await call('GET', '')).json()).toMatchObject({ clients: [{ id, username: 'app' }] })
  expect((await call('GET', `/${id}`)).body).not.toContain(secret)
  const changed = await call('PUT', `/${id}`, { name: 'app', profileId: 'other', enabled: false })
  expect(changed.json()).toMatchObject({ profileId: 'other', enabled: false, secret: null })
  expect((await call('POST', '', { name: 'x', profileId: 'nothing' })).json()).toMatchObject({
    status: 400,
    code: 'relay_client_invalid',
  })
  expect((await call('DELETE', `/${id}`)).statusCode).toBe(204)
  expect((await call('GET', `/${id}`)).json()).toMatchObject({ code: 'relay_client_not_found' })
  const operator = await server.app.inject({
    url: '/api/v1/relay-clients',
    headers: { authorization: 'Bearer operator' },
  })
  expect(operator.statusCode).toBe(403)
})
