import { describe, expect, it } from 'vitest'
import { INITIAL } from '../../../src/sandbox/initial-state.ts'
import {
  MAILBOX,
  MESSAGE,
  openMessage,
  SUFFIX,
  sendMessage,
  startTestExchange,
  type TestExchange,
} from '../../support/exchange.ts'
import { base64, xoauth2 } from '../../support/smtp-dialogue.ts'

const HOSTNAME = / \[Hostname=AM0PR06MB\d{4}\.EURPRD06\.PROD\.OUTLOOK\.COM\]$/
const { clientId } = INITIAL

function raws(exchange: TestExchange): string[] {
  return exchange.tenant.inbox.list().map(({ raw }) => raw)
}

describe('what the simulated Exchange Online does with a message', () => {
  it('keeps it byte for byte and answers with its id and the mailbox server', async () => {
    await using exchange = await startTestExchange()
    const client = await exchange.dialSignedIn()
    const body = '.\r\n..two\r\n.dot\r\nbare\nline\u00ff\u0000\r\n\n.\n\r\r\n'
    const message = MESSAGE + body
    const text = await sendMessage(client, { to: ['b@fabrikam.com', 'hidden@x.example'], message })
    expect(text).toMatch(HOSTNAME)
    expect(text.replace(HOSTNAME, '')).toBe('250 2.0.0 OK <one@contoso.com>')
    expect(exchange.tenant.inbox.list()).toEqual([
      {
        id: expect.any(String),
        receivedAt: '2026-11-23T10:00:00.000Z',
        mailbox: MAILBOX,
        envelope: { from: MAILBOX, to: ['b@fabrikam.com', 'hidden@x.example'] },
        raw: `${message}\r\n`,
        messageId: '<one@contoso.com>',
      },
    ])
    expect(exchange.tenant.counters.messagesAccepted).toBe(1)
  })

  it('takes several messages on one connection, and none after RSET', async () => {
    await using exchange = await startTestExchange()
    const client = await exchange.dialSignedIn()
    await sendMessage(client)
    await client.command(`MAIL FROM:<${MAILBOX}>`)
    await client.command('RSET')
    expect((await client.command('DATA')).text).toMatch(/^503 5\.5\.2 Need mail command/)
    await sendMessage(client)
    expect(raws(exchange)).toHaveLength(2)
  })

  it('takes BDAT chunks as they are, dots and all', async () => {
    await using exchange = await startTestExchange()
    const client = await exchange.dialSignedIn()
    await client.command(`MAIL FROM:<${MAILBOX}> BODY=BINARYMIME`)
    await client.command('RCPT TO:<b@fabrikam.com>')
    expect((await client.command('DATA')).text).toMatch(/^503 5\.5\.1 Bad sequence of commands/)
    client.write(`BDAT ${MESSAGE.length}\r\n${MESSAGE}`)
    expect((await client.read()).text).toBe(`250 2.6.0 CHUNK received OK, ${MESSAGE.length} octets`)
    expect((await client.command('RCPT TO:<c@fabrikam.com>')).code).toBe(503)
    client.write('BDAT 7\r\n.\r\n..\r\nBDAT 0 LAST\r\n')
    expect((await client.read()).text).toBe('250 2.6.0 CHUNK received OK, 7 octets')
    expect((await client.read()).text).toMatch(/^250 2\.0\.0 OK <one@contoso\.com> \[Hostname=/)
    expect(raws(exchange)).toEqual([`${MESSAGE}.\r\n..\r\n`])
  })

  it('swallows the octets of a refused BDAT', async () => {
    await using exchange = await startTestExchange()
    const client = await exchange.dialSignedIn()
    client.write('BDAT 6 LAST\r\nQUIT\r\nNOOP\r\n')
    expect((await client.read()).text).toMatch(/^503 5\.5\.2 Need mail command/)
    expect((await client.read()).text).toBe('250 2.0.0 OK')
    expect((await client.command('BDAT x LAST')).text).toMatch(/^501 5\.5\.4 Invalid arguments/)
  })

  it('replaces the message id when it is told to', async () => {
    await using exchange = await startTestExchange({ smtp: { messageId: 'replace' } })
    const client = await exchange.dialSignedIn()
    const text = await sendMessage(client)
    const id =
      /^250 2\.0\.0 OK (<\S+@AM0PR06MB\d{4}\.EURPRD06\.PROD\.OUTLOOK\.COM>) \[/.exec(text)?.[1] ??
      ''
    expect(exchange.tenant.inbox.list()[0]?.messageId).toBe(id)
    expect(raws(exchange)).toEqual([`${MESSAGE.replace('<one@contoso.com>', id)}\r\n`])
  })

  it('makes an id for a message without one and leaves the message alone', async () => {
    await using exchange = await startTestExchange()
    const client = await exchange.dialSignedIn()
    const message = MESSAGE.replace(/^Message-ID.*\r\n/m, '')
    expect(await sendMessage(client, { message })).toMatch(
      /^250 2\.0\.0 OK <\S+\.PROD\.OUTLOOK\.COM> \[/,
    )
    expect(raws(exchange)).toEqual([`${message}\r\n`])
  })

  it('rewrites From from an alias to the primary address, unless SendFromAlias is on', async () => {
    await using exchange = await startTestExchange({
      mailboxes: { [MAILBOX]: { aliases: ['Robot@Contoso.com'] } },
    })
    const client = await exchange.dialSignedIn()
    const from = 'FROM: "robot@contoso.com, (old)" (a <b> c)\r\n <robot@contoso.com>\r\n'
    const message = MESSAGE.replace(/^From:.*\r\n/, from)
    await sendMessage(client, { from: 'robot@contoso.com', message })
    exchange.tenant.patch({ tenant: { sendFromAlias: true } })
    await sendMessage(client, { from: 'robot@contoso.com', message })
    expect(raws(exchange)).toEqual([
      `${message.replace('<robot@contoso.com>', `<${MAILBOX}>`)}\r\n`,
      `${message}\r\n`,
    ])
    expect(exchange.tenant.inbox.list()[0]?.envelope.from).toBe('robot@contoso.com')
  })

  it('cannot open the mailbox without FullAccess, or before it has replicated', async () => {
    await using exchange = await startTestExchange({
      mailboxes: { [MAILBOX]: { fullAccess: { [clientId]: null } } },
    })
    const client = await exchange.dialSignedIn()
    const refused = await sendMessage(client)
    expect(refused).toMatch(HOSTNAME)
    expect(refused).toMatch(
      /^430 4\.2\.0 STOREDRV; mailbox logon failure; STOREDRV\.Submission\.Exception:ConnectionFailedTransientException\.MapiExceptionLogonFailed; Failed to process message due to a transient exception with message \[BeginDiagnosticData\]Cannot open mailbox\. Server = AM0PR06MB\d{4}\.EURPRD06\.PROD\.OUTLOOK\.COM.*\[EndDiagnosticData\] \[Hostname=/,
    )
    expect(refused).not.toMatch(SUFFIX)
    exchange.tenant.patch({
      mailboxes: { [MAILBOX]: { fullAccess: { [clientId]: '2026-11-23T10:05:00Z' } } },
    })
    expect(await sendMessage(client)).toMatch(/^430 4\.2\.0 /)
    await exchange.clock.advance(5 * 60_000)
    expect(await sendMessage(client)).toMatch(/^250 2\.0\.0 /)
    expect(raws(exchange)).toHaveLength(1)
  })

  it('needs FullAccess neither for Application RBAC nor for a password', async () => {
    await using exchange = await startTestExchange({
      mailboxes: { [MAILBOX]: { fullAccess: { [clientId]: null } } },
      exchange: { rbac: { [clientId]: { members: [MAILBOX] } } },
    })
    const rbac = await exchange.dialSecure()
    const token = await exchange.token({ roles: undefined })
    expect((await rbac.command(`AUTH XOAUTH2 ${xoauth2(MAILBOX, token)}`)).code).toBe(235)
    expect(await sendMessage(rbac)).toMatch(/^250 /)
    const basic = await exchange.dialSecure()
    await basic.command(`AUTH LOGIN ${base64(MAILBOX)}`)
    await basic.command(base64(INITIAL.mailboxPassword))
    expect(await sendMessage(basic)).toMatch(/^250 /)
  })

  it('finds a wrong registration at the end of DATA when the tenant is told so', async () => {
    await using exchange = await startTestExchange({
      exchange: { wrongServicePrincipal: '430@DATA', servicePrincipals: { [clientId]: null } },
    })
    const client = await exchange.dialSignedIn()
    expect(await sendMessage(client)).toMatch(/^430 4\.2\.0 STOREDRV; mailbox logon failure; /)
  })

  it.each([
    ['From: <it@contoso.com>', MAILBOX, 'it@contoso.com'],
    ['From: Boss <boss@fabrikam.com>', MAILBOX, 'boss@fabrikam.com'],
    [`From: <${MAILBOX}>`, 'it@contoso.com', 'it@contoso.com'],
    ['From: <it@contoso.com>', 'other@contoso.com', 'it@contoso.com'],
  ])('denies %s with MAIL FROM %s', async (header, envelope, named) => {
    await using exchange = await startTestExchange()
    const client = await exchange.dialSignedIn()
    const message = MESSAGE.replace(/^From:.*/, header)
    const text = await sendMessage(client, { from: envelope, message })
    const start = `554 5.2.252 SendAsDenied; ${MAILBOX} not allowed to send as ${named}; STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; Failed to process message due to a permanent exception with message [BeginDiagnosticData]Cannot submit message. `
    expect(text.slice(0, start.length)).toBe(start)
    expect(text).toMatch(/\[EndDiagnosticData\] \[Hostname=/)
    expect(text.length).toBeGreaterThan(1000)
    expect(raws(exchange)).toEqual([])
  })

  it('lets the authenticated mailbox send as another one with Send As', async () => {
    await using exchange = await startTestExchange({
      mailboxes: {
        [INITIAL.errorMailbox]: { sendAs: [MAILBOX.toUpperCase()], aliases: ['ops@contoso.com'] },
      },
    })
    const client = await exchange.dialSignedIn()
    const message = MESSAGE.replace(/^From:.*/, 'From: Ops <ops@contoso.com>')
    expect(await sendMessage(client, { from: 'it@contoso.com', message })).toMatch(/^250 /)
    expect(raws(exchange)[0]).toContain('From: Ops <it@contoso.com>\r\n')
    expect(exchange.tenant.inbox.list()[0]?.mailbox).toBe(MAILBOX)
  })

  it('throttles a mailbox that was denied too often, for an hour', async () => {
    await using exchange = await startTestExchange({ limits: { sendAsDeniedBeforeThrottle: 2 } })
    const client = await exchange.dialSignedIn()
    for (let i = 0; i < 2; i++) {
      expect(await sendMessage(client, { from: 'it@contoso.com' })).toMatch(
        /^554 5\.2\.252 SendAsDenied/,
      )
    }
    expect((await sendMessage(client)).replace(HOSTNAME, '')).toBe(
      '550 5.2.252 Sender throttled due to continuous send as denied errors.',
    )
    await exchange.clock.advance(60 * 60_000)
    const later = await exchange.dialSignedIn()
    expect(await sendMessage(later)).toMatch(/^250 /)
  })

  it.each([
    [
      'no From',
      MESSAGE.replace(/^From:.*\r\n/, ''),
      '550 5.7.512 Access denied, message must be RFC 5322 section 3.6.2 compliant',
    ],
    [
      'a From without address',
      MESSAGE.replace(/^From:.*/, 'From: Printer 4'),
      '550 5.7.512 Access denied, message must be RFC 5322 section 3.6.2 compliant',
    ],
    [
      'two authors',
      MESSAGE.replace(/^From:.*/, `From: <${MAILBOX}>, <${MAILBOX}>`),
      '550 5.1.20 Multiple From addresses are not allowed without Sender address',
    ],
    [
      'a loop',
      'Received: x\r\n'.repeat(61) + MESSAGE,
      '554 5.4.6 Hop count exceeded - possible mail loop',
    ],
  ])('refuses %s', async (_what, message, expected) => {
    await using exchange = await startTestExchange()
    const client = await exchange.dialSignedIn()
    expect((await sendMessage(client, { message })).replace(HOSTNAME, '')).toBe(expected)
  })

  it('refuses when the mailbox is full, or the message larger than it may send', async () => {
    await using exchange = await startTestExchange({ mailboxes: { [MAILBOX]: { full: true } } })
    const client = await exchange.dialSignedIn()
    expect(await sendMessage(client)).toMatch(
      /^554 5\.2\.2 mailbox full; STOREDRV\.Submission\.Exception:QuotaExceededException\.MapiExceptionShutoffQuotaExceeded; .*\[Hostname=/,
    )
    exchange.tenant.patch({
      mailboxes: { [MAILBOX]: { full: false, maxSendSizeBytes: MESSAGE.length + 1 } },
    })
    expect(await sendMessage(client)).toMatch(
      /^554 5\.2\.3 Message size exceeds maximum size limit\.; STOREDRV\.Submission\.Exception:MessageSubmissionExceededException\.MapiExceptionMaxSubmissionExceeded; .*\[Hostname=/,
    )
    exchange.tenant.patch({ mailboxes: { [MAILBOX]: { maxSendSizeBytes: MESSAGE.length + 2 } } })
    expect(await sendMessage(client)).toMatch(/^250 /)
  })

  it('refuses a header that is too large', async () => {
    await using exchange = await startTestExchange()
    const client = await exchange.dialSignedIn()
    const message = `X-Long: ${`${'x'.repeat(900)}\r\n `.repeat(300)}\r\n${MESSAGE}`
    expect((await sendMessage(client, { message })).replace(SUFFIX, '')).toBe(
      '552 5.3.4 Header size exceeds fixed maximum size',
    )
  })

  it('reads on after a message larger than it announces, and refuses it', async () => {
    await using exchange = await startTestExchange()
    const client = await exchange.dialSignedIn()
    await openMessage(client)
    const piece = `${'x'.repeat(998)}\r\n`.repeat(1000)
    client.write(MESSAGE)
    for (let sent = 0; sent <= 157_286_400; sent += piece.length) {
      client.write(piece)
      if (client.socket.writableNeedDrain) {
        await new Promise<void>((resolve) => client.socket.once('drain', resolve))
      }
    }
    expect((await client.command('.')).text.replace(SUFFIX, '')).toBe(
      '552 5.3.4 Message size exceeds fixed maximum message size',
    )
    expect((await client.command('NOOP')).code).toBe(250)
  })
})
