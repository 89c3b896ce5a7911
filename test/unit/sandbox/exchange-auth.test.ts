import { describe, expect, it } from 'vitest'
import { INITIAL } from '../../../src/sandbox/initial-state.ts'
import { createTenant } from '../../../src/sandbox/tenant.ts'
import { createFakeClock, FAKE_NOW } from '../../support/clock.ts'
import { MAILBOX, SUFFIX, startTestExchange, type TestExchange } from '../../support/exchange.ts'
import { base64, type SmtpDialogue, xoauth2 } from '../../support/smtp-dialogue.ts'

const FAILED = '535 5.7.3 Authentication unsuccessful'
const { clientId } = INITIAL

async function signIn(
  exchange: TestExchange,
  options: { user?: string; claims?: Record<string, unknown>; token?: string } = {},
): Promise<{ client: SmtpDialogue; text: string }> {
  const client = await exchange.dialSecure()
  const token = options.token ?? (await exchange.token(options.claims))
  const { text } = await client.command(`AUTH XOAUTH2 ${xoauth2(options.user ?? MAILBOX, token)}`)
  return { client, text: text.replace(SUFFIX, '') }
}

describe('AUTH at the simulated Exchange Online', () => {
  it('accepts XOAUTH2 in one line and in two steps, however long the token is', async () => {
    await using exchange = await startTestExchange()
    expect((await signIn(exchange, { claims: { padding: 'x'.repeat(100_000) } })).text).toBe(
      '235 2.7.0 Authentication successful',
    )
    const client = await exchange.dialSecure()
    expect((await client.command('auth xoauth2')).text).toBe('334 ')
    const blob = xoauth2(MAILBOX.toUpperCase(), await exchange.token())
    expect((await client.command(blob)).text).toBe('235 2.7.0 Authentication successful')
    expect(exchange.tenant.counters.authAttempts).toBe(2)
  })

  it('refuses a second AUTH, and one inside a transaction', async () => {
    await using exchange = await startTestExchange()
    const client = await exchange.dialSignedIn()
    expect((await client.command('AUTH LOGIN')).text.replace(SUFFIX, '')).toBe(
      '503 5.5.2 Auth command already specified',
    )
    await client.command(`MAIL FROM:<${MAILBOX}>`)
    expect((await client.command('AUTH LOGIN')).text).toMatch(
      /^504 5\.7\.4 Unrecognized authentication type \[/,
    )
  })

  it.each([
    ['AUTH', '501 5.5.4 Invalid arguments'],
    ['AUTH PLAIN AGEAYg==', '504 5.7.4 Unrecognized authentication type'],
    ['AUTH XOAUTH2 *', '501 5.5.4 Authentication cancelled'],
    ['AUTH XOAUTH2 not-base64', '501 5.5.4 Invalid arguments'],
    ['AUTH XOAUTH2 YWJj YWJj', '501 5.5.4 Invalid arguments'],
    ['AUTH XOAUTH2 YWJ', '501 5.5.4 Invalid arguments'],
    ['AUTH XOAUTH2 =', FAILED],
    [`AUTH XOAUTH2 ${base64('user=a\u0001')}`, FAILED],
    [`AUTH XOAUTH2 ${base64('user=a\u0001auth=Basic x\u0001\u0001')}`, FAILED],
  ])('answers %s with %s', async (line, expected) => {
    await using exchange = await startTestExchange()
    const client = await exchange.dialSecure()
    expect((await client.command(line)).text.replace(SUFFIX, '')).toBe(expected)
  })

  it('can be cancelled at every step', async () => {
    await using exchange = await startTestExchange()
    const client = await exchange.dialSecure()
    const cancelled = /^501 5\.5\.4 Authentication cancelled \[/
    await client.command('AUTH XOAUTH2')
    expect((await client.command('*')).text).toMatch(cancelled)
    await client.command('AUTH LOGIN')
    expect((await client.command('*')).text).toMatch(cancelled)
    await client.command(`AUTH LOGIN ${base64(MAILBOX)}`)
    expect((await client.command('*')).text).toMatch(cancelled)
  })

  it('has one text for everything that is wrong with a token', async () => {
    await using exchange = await startTestExchange()
    const other = await createTenant({ clock: createFakeClock() })
    const now = Math.floor(FAKE_NOW / 1000)
    const texts = [
      await signIn(exchange, { token: 'not.a.token' }),
      await signIn(exchange, {
        token: await other.issueToken({ aud: 'https://outlook.office365.com' }),
      }),
      await signIn(exchange, { claims: { aud: 'https://graph.microsoft.com' } }),
      await signIn(exchange, { claims: { exp: now } }),
      await signIn(exchange, { claims: { exp: undefined } }),
      await signIn(exchange, { claims: { tid: clientId } }),
      await signIn(exchange, { claims: { roles: undefined } }),
      await signIn(exchange, { claims: { roles: ['Mail.Send'] } }),
      await signIn(exchange, { claims: { roles: undefined, scp: 'SMTP.Send', upn: MAILBOX } }),
      await signIn(exchange, { claims: { oid: INITIAL.applicationObjectId } }),
      await signIn(exchange, { claims: { appid: INITIAL.tenantId } }),
      await signIn(exchange, { user: 'nobody@contoso.com' }),
    ].map(({ text }) => text)
    expect(new Set(texts)).toEqual(new Set([FAILED]))
  })

  it('accepts both audiences of Exchange Online, and a token until its end by the tenant’s clock', async () => {
    await using exchange = await startTestExchange()
    const { text } = await signIn(exchange, { claims: { aud: 'https://outlook.office.com' } })
    expect(text).toMatch(/^235 /)
    const token = await exchange.token()
    exchange.tenant.patch({ clockOffsetMs: 3_598_000 })
    expect((await signIn(exchange, { token })).text).toMatch(/^235 /)
    exchange.tenant.patch({ clockOffsetMs: 3_599_000 })
    expect((await signIn(exchange, { token })).text).toBe(FAILED)
  })

  it('keeps a session that is signed in beyond the end of its token', async () => {
    await using exchange = await startTestExchange()
    const client = await exchange.dialSignedIn()
    exchange.tenant.patch({ clockOffsetMs: 7_200_000 })
    expect((await client.command(`MAIL FROM:<${MAILBOX}>`)).code).toBe(250)
  })

  it('refuses an application that Exchange does not know under this object id, once it has replicated', async () => {
    await using exchange = await startTestExchange()
    const register = (registration: unknown) =>
      exchange.tenant.patch({ exchange: { servicePrincipals: { [clientId]: registration } } })
    register({ objectId: INITIAL.applicationObjectId })
    expect((await signIn(exchange)).text).toBe(FAILED)
    register({
      objectId: INITIAL.servicePrincipalObjectId.toUpperCase(),
      effectiveAt: '2026-11-23T10:30:00Z',
    })
    expect((await signIn(exchange)).text).toBe(FAILED)
    await exchange.clock.advance(30 * 60_000)
    expect((await signIn(exchange)).text).toMatch(/^235 /)
    register(null)
    expect((await signIn(exchange)).text).toBe(FAILED)
  })

  it('lets Application RBAC in without the role, for the mailboxes in its scope', async () => {
    await using exchange = await startTestExchange({
      exchange: {
        rbac: { [clientId]: { members: [MAILBOX], effectiveAt: '2026-11-23T11:00:00Z' } },
      },
    })
    const claims = { roles: undefined }
    expect((await signIn(exchange, { claims })).text).toBe(FAILED)
    await exchange.clock.advance(60 * 60_000)
    expect((await signIn(exchange, { claims })).text).toMatch(/^235 /)
    expect((await signIn(exchange, { claims, user: INITIAL.errorMailbox })).text).toBe(FAILED)
    expect((await signIn(exchange, { claims: { ...claims, scp: 'SMTP.Send' } })).text).toBe(FAILED)
  })

  it.each([
    [null, true, 'Tenant'],
    [true, false, 'Mailbox'],
    [true, true, 'Mailbox'],
    [false, true, undefined],
    [null, false, undefined],
  ])('SMTP AUTH disabled: mailbox %s, tenant %s', async (ofMailbox, ofTenant, named) => {
    await using exchange = await startTestExchange({
      tenant: { smtpAuthDisabled: ofTenant },
      mailboxes: { [MAILBOX]: { smtpAuthDisabled: ofMailbox } },
    })
    // A merge patch cannot set null: removing the key returns it to its default, which is null.
    const { client, text } = await signIn(exchange)
    expect(text).toBe(
      named === undefined
        ? '235 2.7.0 Authentication successful'
        : `535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the ${named}. Visit https://aka.ms/smtp_auth_disabled for more information.`,
    )
    if (named === undefined) return
    const mail = (await client.command(`MAIL FROM:<${MAILBOX}>`)).text
    expect(mail).toMatch(SUFFIX)
    expect(mail.replace(SUFFIX, '')).toBe(
      `530 5.7.57 Client not authenticated to send mail. Error: ${text}`,
    )
  })

  it('tells a client that never signed in so, without a reason', async () => {
    await using exchange = await startTestExchange()
    const client = await exchange.dialSecure()
    const { text } = await client.command(`MAIL FROM:<${MAILBOX}>`)
    expect(text.replace(SUFFIX, '')).toBe('530 5.7.57 Client not authenticated to send mail.')
  })

  it('signs in with a password, prompting for what is missing', async () => {
    await using exchange = await startTestExchange()
    const client = await exchange.dialSecure()
    expect((await client.command('AUTH LOGIN')).text).toBe('334 VXNlcm5hbWU6')
    expect((await client.command(base64(MAILBOX))).text).toBe('334 UGFzc3dvcmQ6')
    expect((await client.command(base64('wrong'))).text.replace(SUFFIX, '')).toBe(
      '535 5.7.139 Authentication unsuccessful, the user credentials were incorrect.',
    )
    expect((await client.command(`AUTH LOGIN ${base64(MAILBOX)}`)).text).toBe('334 UGFzc3dvcmQ6')
    expect((await client.command(base64(INITIAL.mailboxPassword))).text).toBe(
      '235 2.7.0 Authentication successful',
    )
  })

  it.each([
    [
      { basicAuth: 'disabled' },
      '535 5.7.139 Authentication unsuccessful, basic authentication is disabled.',
    ],
    [
      { basicAuth: 'retired' },
      '550 5.7.30 Basic authentication is not supported for Client Submission.',
    ],
    [
      { securityDefaults: true },
      "535 5.7.139 Authentication unsuccessful, user is locked by your organization's security defaults policy. Contact your administrator.",
    ],
    [
      { smtpAuthDisabled: true, basicAuth: 'disabled' },
      '535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Tenant. Visit https://aka.ms/smtp_auth_disabled for more information.',
    ],
  ])('refuses the right password when the tenant says %j', async (tenant, expected) => {
    await using exchange = await startTestExchange({ tenant })
    const client = await exchange.dialSecure()
    await client.command(`AUTH LOGIN ${base64(MAILBOX)}`)
    const { text } = await client.command(base64(INITIAL.mailboxPassword))
    expect(text.replace(SUFFIX, '')).toBe(expected)
    expect((await client.command(`MAIL FROM:<${MAILBOX}>`)).text).toContain(`Error: ${expected}`)
  })
})
