import { describe, expect, it } from 'vitest'
import { diagnose, type Failure } from '../../../src/diagnosis/index.ts'
import {
  CORRELATION_ID,
  claims,
  contextWith,
  entra,
  entraText,
  NOW,
  SUFFIX,
  settings,
  smtp,
  TRACE_ID,
  transport,
} from './samples.ts'

const MINUTE = 60_000
const WRONG_SECRET = entra(7000215, 'Invalid client secret provided.')
const REFUSED = smtp(`535 5.7.3 Authentication unsuccessful ${SUFFIX}`)
const NO_MAILBOX = smtp('430 4.2.0 STOREDRV; mailbox logon failure;', 'message')
const SWITCHED_OFF = smtp(
  '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.',
)
const UNKNOWN_CERTIFICATE = entra(700027, 'The certificate is not registered on application.')

describe('after a change', () => {
  it.each([
    [WRONG_SECRET, 10],
    [UNKNOWN_CERTIFICATE, 10],
    [claims('role_missing'), 10],
    [SWITCHED_OFF, 60],
    [REFUSED, 120],
    [NO_MAILBOX, 120],
  ] satisfies [Failure, number][])('waits as long as Microsoft needs (%#)', (failure, minutes) => {
    const at = (age: number) => diagnose(failure, contextWith({ changedAt: NOW - age }))
    expect(at(0).retry).toBe('propagation')
    expect(at(minutes * MINUTE - 1).retry).toBe('propagation')
    expect(at(minutes * MINUTE).retry).toBe('never')
    expect(diagnose(failure, contextWith()).retry).toBe('never')
  })

  it('says until when, and what to do then', () => {
    const diagnosis = diagnose(REFUSED, contextWith({ changedAt: NOW - 18 * MINUTE }))
    expect(diagnosis.remedy).toContain(
      'waiting for Microsoft, usually done by 2026-11-23 11:42 UTC',
    )
    expect(diagnosis.remedy).toContain('If it still fails then: The Exchange administrator')
    expect(diagnosis.code).toBe('service_principal_not_accepted')
  })

  it('does not wait for what no time heals', () => {
    const expired = entra(7000222, 'The provided client secret keys are expired.')
    expect(diagnose(expired, contextWith({ changedAt: NOW })).retry).toBe('never')
  })

  it('does not wait when the change lies in the future because the clock was set back', () => {
    expect(diagnose(REFUSED, contextWith({ changedAt: NOW + MINUTE })).retry).toBe('never')
  })
})

describe('the wait before the next try', () => {
  it('is what Entra asks for, else a minute when throttled, else open', () => {
    const throttled = entra(null, 'slow down', { status: 429 })
    const waitAfter = (failure: Failure) => diagnose(failure, contextWith()).retryAfterMs
    expect(waitAfter({ ...throttled, retryAfterMs: 2_128.4 })).toBe(2_129)
    expect(waitAfter(throttled)).toBe(60_000)
    expect(waitAfter({ ...throttled, retryAfterMs: -5 })).toBe(0)
    expect(waitAfter(WRONG_SECRET)).toBeNull()
  })
})

describe('the answer', () => {
  it.each(['\r\n', ' '])('takes ids and time out of Entra’s text (separator %j)', (separator) => {
    const description = entraText(700016, 'Application was not found.', separator)
    const { answer } = diagnose(entra(700016, '', { description }), contextWith())
    expect(answer).toEqual({
      source: 'entra',
      step: 'token',
      server: 'login.microsoftonline.com',
      text: description,
      code: 'AADSTS700016',
      enhancedCode: null,
      traceId: TRACE_ID,
      correlationId: CORRELATION_ID,
      sessionId: null,
      at: '2026-01-31T10:11:12.000Z',
    })
  })

  it('takes server, time and session out of Exchange Online’s suffix', () => {
    const { answer } = diagnose(REFUSED, contextWith())
    expect(answer).toEqual({
      source: 'smtp',
      step: 'auth',
      server: 'VI1PR0902CA0036.eurprd09.prod.outlook.com',
      text: REFUSED.text,
      code: '535',
      enhancedCode: '5.7.3',
      traceId: null,
      correlationId: null,
      sessionId: '08DC48BEE95C08E5',
      at: '2024-03-20T10:27:56.998Z',
    })
  })

  it('names the mailbox server of a reply to the message', () => {
    const text =
      '432 4.3.2 Concurrent connections limit exceeded. [Hostname=OS0PR01MB6099.jpnprd01.prod.outlook.com]'
    expect(diagnose(smtp(text, 'message'), contextWith()).answer.server).toBe(
      'OS0PR01MB6099.jpnprd01.prod.outlook.com',
    )
  })

  it('does not take an address in brackets for a server', () => {
    const text = '550 5.7.620 Access denied, banned sending IP [203.0.113.9]'
    expect(diagnose(smtp(text, 'message'), contextWith()).answer.server).toBe('smtp.office365.com')
  })

  it('keeps the whole outer reply when the cause stands inside it', () => {
    const text = `530 5.7.57 Client not authenticated to send mail. Error: ${REFUSED.text}`
    const { answer } = diagnose(smtp(text, 'mail'), contextWith())
    expect(answer).toMatchObject({ text, step: 'mail', code: '530', enhancedCode: '5.7.57' })
    expect(answer.sessionId).toBe('08DC48BEE95C08E5')
  })

  it('shows the HTTP status when Entra gave no number', () => {
    const { answer } = diagnose(entra(null, 'slow down', { status: 429 }), contextWith())
    expect(answer.code).toBe('HTTP 429')
  })
})

const JWT =
  'eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL291dGxvb2sifQ.c2lnbmF0dXJlLXNpZ25hdHVyZQ'
const BLOB =
  'dXNlcj10ZXN0QGNvbnRvc28ub25taWNyb3NvZnQuY29tAWF1dGg9QmVhcmVyIEV3QkFBbDNCQUFVRkZwVUFvN0ozVmUwYmpMQldaV0NjbFJDM0VvQUEBAQ=='
const SECRET = 'abC8Q~7sEcReTsEcReTsEcReTsEcReTsEcReT.abc'

describe('secrets', () => {
  it.each([
    ['a token', `refused token ${JWT} today`, JWT.slice(0, 30)],
    ['half a token', `refused ${JWT.slice(0, 50)}`, JWT.slice(0, 30)],
    ['a form field', 'body client_id=x&client_secret=hunter%7E2&scope=y', 'hunter'],
    ['a JSON field', 'body {"client_secret": "hunter 2", "x": 1}', 'hunter'],
    ['an AUTH argument', 'AUTH XOAUTH2 dXNlcj1hQGI=', 'dXNlcj1hQGI'],
    ['an XOAUTH2 blob', `syntax error near ${BLOB}`, BLOB.slice(0, 40)],
    ['a bearer header', 'Authorization: Bearer EwBAAl3BAAUFFpUAo7J3', 'EwBAAl3B'],
    ['an Entra secret', `secret ${SECRET} is wrong`, SECRET.slice(4, 20)],
  ])('never show %s', (_, text, secret) => {
    const failures: Failure[] = [
      smtp(`599 ${text}`),
      entra(4711, text),
      entra(null, '', { error: text }),
      transport('entra', 'protocol', { message: text }),
      transport('entra', 'proxy', { message: text }),
      settings('secret_unreadable', text),
      claims('audience', text),
    ]
    for (const failure of failures) {
      const shown = JSON.stringify(diagnose(failure, contextWith()))
      expect(shown).not.toContain(secret)
      expect(shown).toContain('[redacted')
    }
  })

  it('leave ids, addresses, links and diagnostic hex readable', () => {
    const hex = '0A007B'.repeat(20)
    const text = `554 5.9.9 see https://docs.microsoft.com/azure/active-directory/develop/active-directory-certificate-credentials for a@b.example ${hex} ${TRACE_ID} A1B2C3D4E5F60718293A4B5C6D7E8F9012345678`
    expect(diagnose(smtp(text), contextWith()).answer.text).toBe(text)
  })

  it('leave words about authentication readable', () => {
    const text =
      '599 Basic authentication is not supported, offered AUTH LOGIN XOAUTH2, AUTH PLAIN OAUTHBEARER; bearer of this, password required, client_secret is required'
    expect(diagnose(smtp(text), contextWith()).answer.text).toBe(text)
  })

  it('stay out of sight behind the cut of a long answer', () => {
    const text = `599 ${'long '.repeat(795)}${JWT}${' more'.repeat(20_000)}`
    const { answer } = diagnose(smtp(text), contextWith())
    expect(answer.text.length).toBe(4_000)
    expect(answer.text).not.toContain('eyJ')
  })

  it('are looked for in good time in a hostile answer', () => {
    for (const piece of ['eyJ', 'a', 'A-', 'client_secret', '535 Error: ', '[Hostname=', ' \r\n']) {
      const failure = smtp(`535 5.7.57 ${piece.repeat(200_000 / piece.length)}`)
      const start = performance.now()
      diagnose(failure, contextWith())
      expect(performance.now() - start).toBeLessThan(1_000)
    }
  })
})
