import { describe, expect, test } from 'vitest'
import {
  CLOUDS,
  checkAudience,
  checkClaims,
  checkRole,
  findCloud,
  readClaims,
} from '../../../src/entra/index.ts'
import { bypassesProxy } from '../../../src/entra/no-proxy.ts'
import { FAKE_NOW } from '../../support/clock.ts'
import { CLIENT_ID, cloudAt, jwt, TENANT_ID } from './fixtures.ts'

const expected = {
  audiences: CLOUDS.worldwide.audiences,
  clientId: CLIENT_ID,
  tenantId: TENANT_ID,
  now: FAKE_NOW,
  applicationRbac: false,
}

function claims(changes: Record<string, unknown> = {}) {
  const read = readClaims(jwt(changes))
  if (read === undefined) throw new Error('unreadable')
  return read
}

describe('claims', () => {
  test('are those that decide, and no others', () => {
    expect(claims()).toEqual({
      aud: 'https://outlook.office365.com',
      appid: CLIENT_ID,
      tid: TENANT_ID,
      oid: 'b7f7c1de-0000-4000-8000-000000000001',
      roles: ['SMTP.SendAsApp'],
      exp: FAKE_NOW / 1_000 + 3_599,
    })
  })

  test.each(['', 'opaque', 'a.b.c', jwt({ aud: 5 }), jwt({ aud: undefined }), jwt({ roles: 'x' })])(
    'of %j cannot be read',
    (token) => {
      expect(readClaims(token)).toBeUndefined()
    },
  )

  test('of a good token pass', () => {
    expect(checkClaims(claims(), expected)).toBeUndefined()
    expect(checkAudience(claims({ aud: 'https://Outlook.office.com/' }), expected)).toBeUndefined()
    expect(checkAudience(claims({ appid: CLIENT_ID.toUpperCase() }), expected)).toBeUndefined()
  })

  test.each([
    [
      'another audience',
      { aud: 'https://graph.microsoft.com' },
      'audience',
      'https://graph.microsoft.com',
    ],
    ['another application', { appid: 'somebody' }, 'other_application', 'somebody'],
    [
      'another tenant',
      { tid: 'c0ffee00-0000-4000-8000-000000000001' },
      'other_application',
      'c0ffee00',
    ],
    ['a past end', { exp: FAKE_NOW / 1_000 }, 'expired', '2026-11-23T10:00:00.000Z'],
    ['a user', { upn: 'jo@contoso.com' }, 'delegated', 'jo@contoso.com'],
    ['a delegated scope', { scp: 'SMTP.Send' }, 'delegated', 'SMTP.Send'],
    ['no roles', { roles: undefined }, 'role_missing', 'no roles'],
    ['other roles', { roles: ['IMAP.AccessAsApp'] }, 'role_missing', 'IMAP.AccessAsApp'],
  ] as const)('with %s fail', (_title, change, problem, shown) => {
    const failure = checkClaims(claims(change), expected)
    expect(failure).toMatchObject({ source: 'claims', problem })
    expect(failure?.detail).toContain(shown)
  })

  test('need no role where Exchange’s application RBAC grants the right', () => {
    expect(checkRole(claims({ roles: undefined }), { applicationRbac: true })).toBeUndefined()
    expect(checkRole(claims({ upn: 'jo@contoso.com' }), { applicationRbac: true })?.problem).toBe(
      'delegated',
    )
  })

  test('are not compared with a tenant that is given by its domain', () => {
    const byDomain = { ...expected, tenantId: 'contoso.onmicrosoft.com' }
    expect(
      checkAudience(claims({ tid: 'c0ffee00-0000-4000-8000-000000000001' }), byDomain),
    ).toBeUndefined()
  })
})

test('a cloud is found by its id, and a custom one expects its own resource', () => {
  expect(findCloud('china')?.authority).toBe('https://login.partner.microsoftonline.cn')
  expect(findCloud('toString')).toBeUndefined()
  expect(Object.entries(CLOUDS).every(([id, cloud]) => cloud.id === id)).toBe(true)
  expect(cloudAt('https://localhost:1234/').audiences).toEqual(['https://outlook.office365.com'])
})

test.each([
  ['', 'localhost', 443, false],
  ['*', 'localhost', 443, true],
  ['example.com', 'example.com', 443, true],
  ['example.com', 'login.example.com', 443, true],
  ['.example.com', 'login.example.com.', 443, true],
  ['*.example.com', 'LOGIN.example.com', 443, true],
  ['example.com', 'badexample.com', 443, false],
  ['a.test example.com:8443', 'example.com', 443, false],
  ['a.test,example.com:8443', 'example.com', 8443, true],
  ['10.0.0.1', '10.0.0.1', 443, true],
  ['0.0.1', '10.0.0.1', 443, false],
  ['::1', '::1', 443, true],
  ['[::1]:8443', '::1', 8443, true],
])('NO_PROXY=%j and %s:%i', (noProxy, host, port, bypasses) => {
  expect(bypassesProxy(noProxy, host, port)).toBe(bypasses)
})
