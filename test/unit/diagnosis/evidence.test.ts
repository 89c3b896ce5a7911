import { describe, expect, it } from 'vitest'
import {
  CATALOGUE,
  type DiagnosisContext,
  diagnose,
  type Failure,
} from '../../../src/diagnosis/index.ts'
import { claims, contextWith, entra, graph, NOW, OBJECT_ID, SUFFIX, smtp } from './samples.ts'

const REGISTRATION = '3e81c5f7-9d24-4b6a-a0c3-71f5e2d8964b'
const WORKED_UNTIL = globalThis.Date.parse('2026-11-22T10:42:59Z')
const WRONG_SECRET = entra(7000215, 'Invalid client secret provided.')
const REFUSED = smtp(`535 5.7.3 Authentication unsuccessful ${SUFFIX}`)

function seen(failure: Failure, changes: Partial<DiagnosisContext>) {
  return diagnose(failure, contextWith(changes))
}

describe('the causes', () => {
  it('stand in the order of probability, and in one numbered text', () => {
    const { cause, likelyCauses } = seen(REFUSED, {})
    expect(likelyCauses[0]).toContain('service account (service principal) is missing')
    expect(likelyCauses[1]).toContain('Object ID of the app registration')
    expect(cause).toContain(`(1) ${likelyCauses[0]} (2) ${likelyCauses[1]}`)
  })

  it('are not invented for an unknown answer, which is shown whole', () => {
    const text = '599 5.9.9 Nobody has seen\r\n599 5.9.9 this before'
    const { cause, likelyCauses } = seen(smtp(text, 'mail'), {})
    expect(likelyCauses).toEqual([])
    expect(cause).toContain(text)
  })
})

describe('what worked before with the same settings', () => {
  it.each([
    [REFUSED, 'removed in Exchange Online, or made again', OBJECT_ID],
    [WRONG_SECRET, 'removed from the app registration', 'audit log'],
    [claims('role_missing'), 'consent was withdrawn', 'audit log'],
    [entra(700016, 'Application was not found.'), 'was deleted', 'restores'],
    [smtp('430 4.2.0 STOREDRV; mailbox logon failure;', 'message'), 'was removed', 'FullAccess'],
    [
      smtp('535 5.7.139 SmtpClientAuthentication is disabled for the Tenant.'),
      'switched SMTP AUTH off',
      'allows SMTP AUTH',
    ],
  ] satisfies [Failure, string, string][])(
    'is a change on Microsoft’s side, not a typing error (%#)',
    (failure, cause, remedy) => {
      const before = seen(failure, {})
      const after = seen(failure, { workedUntil: WORKED_UNTIL })
      expect(after.code).toBe(before.code)
      expect(after.cause).toContain(
        'It worked until 2026-11-22 10:42 UTC, since then it is refused: this is a change on Microsoft’s side, not a typing error.',
      )
      expect(after.likelyCauses[0]).toContain(cause)
      expect(after.likelyCauses[0]).not.toBe(before.likelyCauses[0])
      expect(after.remedy).toContain(remedy)
      expect(before.cause).not.toContain('worked until')
    },
  )

  it('no longer suspects a Secret ID', () => {
    expect(seen(WRONG_SECRET, {}).likelyCauses[0]).toContain('ID')
    const { likelyCauses, remedy } = seen(WRONG_SECRET, { workedUntil: WORKED_UNTIL })
    expect(likelyCauses.join(' ')).not.toMatch(/Secret.ID|secret’s ID/)
    expect(remedy).not.toContain('Secret ID')
  })

  it('says nothing when the settings were changed since', () => {
    const changedAt = WORKED_UNTIL + 1
    expect(seen(REFUSED, { workedUntil: WORKED_UNTIL, changedAt }).cause).not.toContain('worked')
    expect(seen(REFUSED, { workedUntil: WORKED_UNTIL, changedAt: WORKED_UNTIL }).cause).toContain(
      'worked',
    )
  })

  it('is a change on the server’s side where the server is not Microsoft’s', () => {
    const wrong = { ...smtp('535 5.7.8 wrong password'), host: 'mail.example.com' }
    const { cause } = seen(wrong, { authenticationType: 'basic', workedUntil: WORKED_UNTIL })
    expect(cause).toContain('a change on the server’s side')
  })

  it('fills in the time everywhere it stands', () => {
    for (const row of CATALOGUE) {
      for (const variant of row.variants ?? []) {
        const text = [variant.summary, ...variant.causes, variant.remedy].join(' ')
        if (text.includes('{workedUntil}')) expect(variant.when.workedBefore, row.code).toBe(true)
      }
    }
  })
})

describe('a refused secret', () => {
  const first = (changes: Partial<DiagnosisContext>) => seen(WRONG_SECRET, changes).likelyCauses[0]

  it('that looks like an ID is said to be one', () => {
    expect(seen(WRONG_SECRET, { secretLooksLikeId: true }).summary).toContain('Secret ID')
    expect(first({ secretLooksLikeId: true })).toContain('has the form of an ID')
  })

  it.each([
    ['missing', null, 'was deleted'],
    ['hintMismatch', null, 'another app registration'],
    ['hintMismatch', WORKED_UNTIL, 'was deleted'],
    ['listed', null, 'copied incompletely'],
    ['listed', WORKED_UNTIL, 'another one that begins like it'],
  ] as const)(
    'with Graph’s word “%s” and worked until %j: %s',
    (storedSecret, workedUntil, words) => {
      expect(
        first({ graph: { registrationObjectId: REGISTRATION, storedSecret }, workedUntil }),
      ).toContain(words)
    },
  )
})

describe('a refused login, when Graph has told the Object ID of the app registration', () => {
  const graph = { registrationObjectId: REGISTRATION }

  it('names the ID that was probably copied, and the right one', () => {
    const { code, likelyCauses, remedy } = seen(REFUSED, { graph })
    expect(code).toBe('service_principal_not_accepted')
    expect(likelyCauses[1]).toContain(`created with ${REGISTRATION}, the Object ID of the app reg`)
    expect(likelyCauses[1]).toContain(`instead of ${OBJECT_ID}`)
    expect(remedy).toContain(`Get-ServicePrincipal shows ${REGISTRATION}`)
  })

  it('is still a change on Microsoft’s side when it worked before', () => {
    const { likelyCauses } = seen(REFUSED, { graph, workedUntil: WORKED_UNTIL })
    expect(likelyCauses[0]).toContain('was removed')
  })
})

describe('waiting for Microsoft', () => {
  it('has its end as an instant, until the window is over', () => {
    const changedAt = NOW - 18 * 60_000
    expect(seen(REFUSED, { changedAt }).waitingUntil).toBe('2026-11-23T11:42:00.000Z')
    expect(seen(REFUSED, { changedAt: NOW - 120 * 60_000 }).waitingUntil).toBeNull()
    expect(seen(REFUSED, {}).waitingUntil).toBeNull()
  })
})

describe('an answer of Graph', () => {
  it('keeps code, request id and the operation for support', () => {
    const { answer } = diagnose(
      graph(404, 'Request_ResourceNotFound', 'Resource does not exist.'),
      contextWith(),
    )
    expect(answer).toMatchObject({
      source: 'graph',
      step: 'read the application’s credentials',
      code: 'Request_ResourceNotFound',
      traceId: '11111111-2222-4333-8444-555555555555',
      text: 'Resource does not exist.',
    })
  })

  it('names the wait that Graph asks for, fractions rounded up', () => {
    const throttled = graph(429, 'TooManyRequests', 'later', { retryAfterMs: 2_128.4 })
    expect(diagnose(throttled, contextWith()).retryAfterMs).toBe(2_129)
    expect(diagnose({ ...throttled, retryAfterMs: null }, contextWith()).retryAfterMs).toBe(60_000)
  })
})
