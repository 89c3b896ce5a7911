import { expect, test } from 'vitest'
import { DAY_MS } from '../../../src/platform/clock.ts'
import { startAccess, TESTER } from './harness.ts'

const PRESET = 'my-own-preset-token-0001'

test('a new token is 256 random bits with a recognisable prefix, and shown once', async () => {
  await using access = await startAccess()
  const made = await access.tokens.create({ name: ' grafana ', scopes: ['monitor'] }, TESTER)
  expect(made.token).toMatch(/^pst_[A-Za-z0-9_-]{43}$/)
  expect(made).toMatchObject({
    name: 'grafana',
    scopes: ['monitor'],
    hint: made.token.slice(0, 8),
    createdBy: 'tester',
    expiresAt: null,
    revokedAt: null,
  })
  expect(JSON.stringify(await access.tokens.list())).not.toContain(made.token)
})

test('neither database, log nor audit holds a token', async () => {
  await using access = await startAccess()
  const { token, id } = await access.tokens.create({ name: 'a', scopes: ['send'] }, TESTER)
  await access.tokens.revoke(id, TESTER)
  const rows = await access.storage.db.selectFrom('api_token').selectAll().execute()
  const audit = await access.storage.db.selectFrom('audit').selectAll().execute()
  const written = JSON.stringify([rows, audit]) + access.log.lines.join('')
  expect(written).not.toContain(token)
  expect(written).not.toContain(token.slice(12))
})

test('a token can end at a day or an instant', async () => {
  await using access = await startAccess()
  const at = async (expiresAt: string | null) =>
    (await access.tokens.create({ name: 'a', scopes: ['send'], expiresAt }, TESTER)).expiresAt
  expect(await at('2027-05-01')).toBe('2027-05-01T23:59:59.999Z')
  expect(await at('2027-05-01T10:00:00+02:00')).toBe('2027-05-01T08:00:00.000Z')
  expect(await at(null)).toBeNull()
})

test.each([
  ['an empty name', { name: '  ', scopes: ['send'] as const }, ['name']],
  ['a name of two lines', { name: 'a\nb', scopes: ['send'] as const }, ['name']],
  [
    'no scope and a strange day',
    { name: 'a', scopes: [], expiresAt: 'soon' },
    ['scopes', 'expiresAt'],
  ],
  [
    'an end in the past',
    { name: 'a', scopes: ['send'] as const, expiresAt: '2026-11-22' },
    ['expiresAt'],
  ],
])('%s is refused', async (_, input, fields) => {
  await using access = await startAccess()
  const attempt = access.tokens.create({ ...input, scopes: [...input.scopes] }, TESTER)
  await expect(attempt).rejects.toMatchObject({
    kind: 'invalid',
    code: 'input_invalid',
    problems: fields.map((field) => ({ field })),
  })
  expect(await access.tokens.list()).toEqual([])
})

test('making and revoking are recorded with who did it', async () => {
  await using access = await startAccess()
  const { id } = await access.tokens.create({ name: 'a', scopes: ['send'] }, TESTER)
  await access.clock.advance(DAY_MS)
  await access.tokens.revoke(id, { ...TESTER, name: 'other' })
  expect(await access.audit.list({ limit: 10 })).toMatchObject([
    {
      action: 'token.revoked',
      actor: { name: 'other', address: '192.0.2.1' },
      target: { type: 'token', id },
      change: { before: { revokedAt: null }, after: { revokedAt: '2026-11-24T10:00:00.000Z' } },
    },
    { action: 'token.created', actor: { name: 'tester' }, change: { after: { name: 'a' } } },
  ])
})

test('revoking again changes nothing, and an unknown id is told', async () => {
  await using access = await startAccess()
  const { id } = await access.tokens.create({ name: 'a', scopes: ['send'] }, TESTER)
  await access.tokens.revoke(id, TESTER)
  const [before] = await access.tokens.list()
  await access.clock.advance(DAY_MS)
  await access.tokens.revoke(id, TESTER)
  expect(await access.tokens.list()).toEqual([before])
  expect(await access.audit.list({ limit: 10 })).toHaveLength(2)
  await expect(access.tokens.revoke('x', TESTER)).rejects.toMatchObject({ code: 'token_unknown' })
})

test('the first start makes one admin token, later starts none', async () => {
  await using access = await startAccess()
  const kept: string[] = []
  const keep = (token: string) => void kept.push(token)
  expect(await access.tokens.ensureFirst(keep)).toMatch(/^pst_/)
  expect(await access.tokens.ensureFirst(keep)).toBeUndefined()
  expect(kept).toHaveLength(1)
  expect(await access.tokens.list()).toMatchObject([{ scopes: ['admin'] }])
})

test('a preset token is made once, and gives little of itself away', async () => {
  await using access = await startAccess()
  await access.tokens.ensurePreset(PRESET)
  await access.tokens.ensurePreset(PRESET)
  expect(await access.tokens.list()).toMatchObject([{ scopes: ['admin'], hint: 'my-' }])
  expect(await access.tokens.ensureFirst(() => {})).toBeUndefined()
})

test('a first token that could not be kept does not count, so that the next start makes another', async () => {
  await using access = await startAccess()
  const full = new Error('no space left on device')
  await expect(
    access.tokens.ensureFirst(() => {
      throw full
    }),
  ).rejects.toBe(full)
  expect(await access.tokens.list()).toEqual([])
  expect(await access.tokens.ensureFirst(() => {})).toMatch(/^pst_/)
})

test('another preset value replaces the former one, and the former can come back', async () => {
  await using access = await startAccess()
  const login = async (token: string) =>
    await access.authenticator.authenticate(`Bearer ${token}`, '192.0.2.1')
  await access.tokens.ensurePreset(PRESET)
  await login(PRESET)
  await access.tokens.ensurePreset(`${PRESET}-new`)
  await expect(login(PRESET)).rejects.toMatchObject({ code: 'token_invalid' })
  await login(`${PRESET}-new`)
  await access.tokens.ensurePreset(PRESET)
  await login(PRESET)
  expect(await access.tokens.list()).toHaveLength(1)
})

test('a preset token that a person revoked stays revoked, and the log says so', async () => {
  await using access = await startAccess()
  await access.tokens.ensurePreset(PRESET)
  const [row] = await access.tokens.list()
  await access.tokens.revoke(row?.id ?? '', TESTER)
  await access.tokens.ensurePreset(PRESET)
  expect(await access.tokens.list()).toMatchObject([{ revokedAt: expect.any(String) }])
  expect(access.log.lines.join('')).toContain('was revoked and stays so')
})

test.each(['short', 'with a space in the middle', 'schlüssel-mit-umlaut-0001', 'a'.repeat(513)])(
  'the preset token %j is refused without being repeated',
  async (token) => {
    await using access = await startAccess()
    const refusal = await access.tokens.ensurePreset(token).catch((error: unknown) => error)
    expect(refusal).toMatchObject({ code: 'admin_token_invalid' })
    expect(String(refusal)).not.toContain(token)
  },
)
