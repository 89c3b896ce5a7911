import { describe, expect, it } from 'vitest'
import { MAILBOX, MESSAGE, SUFFIX, sendMessage, startTestExchange } from '../../support/exchange.ts'
import { openSmtpDialogue, xoauth2 } from '../../support/smtp-dialogue.ts'

const GONE = 'connection closed'

describe('faults of the simulated Exchange Online', () => {
  it('refuses connections, drops those that are open, and comes back on the same port', async () => {
    await using exchange = await startTestExchange()
    const open = await exchange.dial()
    exchange.tenant.patch({ smtp: { fault: 'refuse' } })
    await open.closed
    for (let i = 0; i < 2; i++) {
      await expect(openSmtpDialogue({ port: exchange.port })).rejects.toMatchObject({
        code: 'ECONNREFUSED',
      })
    }
    for (const fault of ['none', 'refuse', 'none']) exchange.tenant.patch({ smtp: { fault } })
    const client = await exchange.dial()
    expect((await client.command('NOOP')).code).toBe(250)
  })

  it('can start refusing', async () => {
    await using exchange = await startTestExchange({ smtp: { fault: 'refuse' } })
    await expect(openSmtpDialogue({ port: exchange.port })).rejects.toMatchObject({
      code: 'ECONNREFUSED',
    })
    exchange.tenant.reset()
    await exchange.dial()
  })

  it('accepts and says nothing', async () => {
    await using exchange = await startTestExchange({ smtp: { fault: 'silent' } })
    await using client = await openSmtpDialogue({ port: exchange.port })
    client.write('EHLO client.example\r\n')
    let said = false
    client.read().then(
      () => {
        said = true
      },
      () => undefined,
    )
    exchange.tenant.patch({ smtp: { fault: 'none' } })
    await exchange.dial()
    expect(said).toBe(false)
  })

  it('greets with busy and closes', async () => {
    await using exchange = await startTestExchange({ smtp: { fault: 'busy' } })
    await using client = await openSmtpDialogue({ port: exchange.port })
    expect((await client.read()).text.replace(SUFFIX, '')).toBe('421 4.3.2 Service not available')
    await client.closed
  })

  it('drops at connect', async () => {
    await using exchange = await startTestExchange({ smtp: { fault: 'dropAtConnect' } })
    await using client = await openSmtpDialogue({ port: exchange.port })
    await expect(client.read()).rejects.toThrow(GONE)
  })

  it.each([
    ['dropAtEhlo', []],
    ['dropAtStarttls', ['EHLO client.example']],
  ])('drops at the first step in the clear: %s', async (fault, before) => {
    await using exchange = await startTestExchange()
    const client = await exchange.dial()
    for (const line of before) await client.command(line)
    exchange.tenant.patch({ smtp: { fault } })
    const line = fault === 'dropAtEhlo' ? 'EHLO client.example' : 'STARTTLS'
    await expect(client.command(line)).rejects.toThrow(GONE)
  })

  it.each([
    ['dropAtMail', [], `MAIL FROM:<${MAILBOX}>`],
    ['dropAtRcpt', [`MAIL FROM:<${MAILBOX}>`], 'RCPT TO:<b@fabrikam.com>'],
    ['dropBefore354', [`MAIL FROM:<${MAILBOX}>`, 'RCPT TO:<b@fabrikam.com>'], 'DATA'],
    ['dropBefore354', [`MAIL FROM:<${MAILBOX}>`, 'RCPT TO:<b@fabrikam.com>'], 'BDAT 1 LAST'],
    ['dropMidData', [`MAIL FROM:<${MAILBOX}>`, 'RCPT TO:<b@fabrikam.com>', 'DATA'], 'From: x'],
    ['dropMidData', [`MAIL FROM:<${MAILBOX}>`, 'RCPT TO:<b@fabrikam.com>'], 'BDAT 9 LAST\r\nFrom'],
    [
      'dropAfterDot',
      [`MAIL FROM:<${MAILBOX}>`, 'RCPT TO:<b@fabrikam.com>', 'DATA'],
      `${MESSAGE}\r\n.`,
    ],
  ])('%s: drops after %j and keeps nothing', async (fault, before, line) => {
    await using exchange = await startTestExchange()
    const client = await exchange.dialSignedIn()
    for (const earlier of before) await client.command(earlier)
    exchange.tenant.patch({ smtp: { fault } })
    await expect(client.command(line)).rejects.toThrow(GONE)
    expect(exchange.tenant.inbox.list()).toEqual([])
  })

  it('drops at AUTH', async () => {
    await using exchange = await startTestExchange()
    const client = await exchange.dialSecure()
    exchange.tenant.patch({ smtp: { fault: 'dropAtAuth' } })
    await expect(client.command('AUTH XOAUTH2')).rejects.toThrow(GONE)
  })

  it('dropBefore250: keeps the message and loses the answer', async () => {
    await using exchange = await startTestExchange()
    const client = await exchange.dialSignedIn()
    exchange.tenant.patch({ smtp: { fault: 'dropBefore250' } })
    await expect(sendMessage(client)).rejects.toThrow(GONE)
    expect(exchange.tenant.inbox.list()).toHaveLength(1)
  })

  it.each([
    [
      'tls10',
      '421 4.7.66 TLS 1.0 and 1.1 are not supported. Please upgrade/update your client to support TLS 1.2. Visit https://aka.ms/smtp_auth_tls.',
    ],
    ['proxy', '451 4.7.0 Temporary server error. Please try again later. PRX1'],
  ])('%s: answers AUTH with its text', async (fault, expected) => {
    await using exchange = await startTestExchange({ smtp: { fault } })
    const client = await exchange.dialSecure()
    const blob = xoauth2(MAILBOX, await exchange.token())
    expect((await client.command(`AUTH XOAUTH2 ${blob}`)).text.replace(SUFFIX, '')).toBe(expected)
    if (fault === 'tls10') await client.closed
    else expect((await client.command(`MAIL FROM:<${MAILBOX}>`)).text).toMatch(/^530 5\.7\.57 /)
  })

  it('throttledPerHour: refuses at the end of DATA and closes', async () => {
    await using exchange = await startTestExchange({ smtp: { fault: 'throttledPerHour' } })
    const client = await exchange.dialSignedIn()
    expect((await sendMessage(client)).replace(SUFFIX, '')).toBe(
      '421 4.4.2 Message submission rate for this client has exceeded the configured limit',
    )
    await client.closed
    expect(exchange.tenant.inbox.list()).toEqual([])
  })

  it('says what it is forced to say, word for word, and acts accordingly', async () => {
    await using exchange = await startTestExchange()
    const force = (forcedReplies: unknown) => exchange.tenant.patch({ smtp: { forcedReplies } })
    const client = await exchange.dialSecure()
    force({ auth: '535 5.7.3 No [custom 1]' })
    const blob = xoauth2(MAILBOX, await exchange.token())
    expect((await client.command(`AUTH XOAUTH2 ${blob}`)).text).toBe('535 5.7.3 No [custom 1]')
    expect((await client.command(`MAIL FROM:<${MAILBOX}>`)).text.replace(SUFFIX, '')).toBe(
      '530 5.7.57 Client not authenticated to send mail. Error: 535 5.7.3 No',
    )
    force({ auth: null, mail: '451 4.3.2 Later', rcpt: '550 5.1.10 Nobody', data: '554 5.7.1 a' })
    expect((await client.command(`AUTH XOAUTH2 ${blob}`)).code).toBe(235)
    expect((await client.command(`MAIL FROM:<${MAILBOX}>`)).text).toBe('451 4.3.2 Later')
    force({ mail: null })
    expect((await client.command(`MAIL FROM:<${MAILBOX}>`)).code).toBe(250)
    expect((await client.command('RCPT TO:<b@fabrikam.com>')).text).toBe('550 5.1.10 Nobody')
    expect((await client.command('DATA')).text).toMatch(/^503 5\.5\.2 Need rcpt command/)
    force({ rcpt: '250-2.1.5 one\r\n250 2.1.5 two' })
    expect((await client.command('RCPT TO:<b@fabrikam.com>')).lines).toEqual([
      '250-2.1.5 one',
      '250 2.1.5 two',
    ])
    await client.command('DATA')
    expect((await client.content(MESSAGE)).text).toBe('554 5.7.1 a')
    expect(exchange.tenant.inbox.list()).toEqual([])
  })

  it('greets as it is forced to, and closes unless that welcomes', async () => {
    await using exchange = await startTestExchange({
      smtp: { forcedReplies: { greeting: '554 5.7.1 Not you' } },
    })
    await using client = await openSmtpDialogue({ port: exchange.port })
    expect((await client.read()).text).toBe('554 5.7.1 Not you')
    await client.closed
  })
})
