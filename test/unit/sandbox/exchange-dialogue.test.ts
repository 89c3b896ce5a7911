import { describe, expect, it } from 'vitest'
import {
  FRONT_DOOR,
  HOST_NAME,
  MAILBOX,
  openMessage,
  SUFFIX,
  startTestExchange,
} from '../../support/exchange.ts'
import { openSmtpDialogue } from '../../support/smtp-dialogue.ts'

describe('the dialogue of the simulated Exchange Online', () => {
  it('greets as smtp.office365.com does, the day without a leading zero', async () => {
    await using exchange = await startTestExchange()
    exchange.clock.set(globalThis.Date.parse('2022-11-09T10:09:41Z'))
    await using client = await openSmtpDialogue({ port: exchange.port })
    const { text } = await client.read()
    expect(text).toMatch(
      /^220 AM0PR06CA0126\.outlook\.office365\.com Microsoft ESMTP MAIL Service ready at Wed, 9 Nov 2022 10:09:41 \+0000 \[08D[0-9A-F]{13}\]$/,
    )
  })

  it('numbers its sessions in ticks that start with the server', async () => {
    await using exchange = await startTestExchange()
    const ids: bigint[] = []
    for (let i = 0; i < 2; i++) {
      await using client = await openSmtpDialogue({ port: exchange.port })
      ids.push(BigInt(`0x${/\[([0-9A-F]{16})\]$/.exec((await client.read()).text)?.[1]}`))
    }
    // 2026-11-23T10:00:00Z in 100 ns since 0001-01-01.
    const started = BigInt(exchange.clock.now()) * 10_000n + 621_355_968_000_000_000n
    expect(ids).toEqual([started + 1n, started + 2n])
  })

  it('offers STARTTLS in the clear and AUTH in its place under TLS', async () => {
    await using exchange = await startTestExchange()
    const client = await exchange.dial()
    const common = ['250-8BITMIME', '250-BINARYMIME', '250-CHUNKING', '250 SMTPUTF8']
    const first = [
      `250-${FRONT_DOOR} Hello [127.0.0.1]`,
      '250-SIZE 157286400',
      '250-PIPELINING',
      '250-DSN',
      '250-ENHANCEDSTATUSCODES',
    ]
    const clear = await client.command('EHLO client.example')
    expect(clear.lines).toEqual([...first, '250-STARTTLS', ...common])
    expect((await client.command('STARTTLS')).text).toBe('220 2.0.0 SMTP server ready')
    const secure = await client.upgrade({ ca: exchange.caPem })
    expect(secure.authorized).toBe(true)
    expect(['TLSv1.2', 'TLSv1.3']).toContain(secure.getProtocol())
    const encrypted = await client.command('EHLO client.example')
    expect(encrypted.lines).toEqual([...first, '250-AUTH LOGIN XOAUTH2', ...common])
    expect((await client.command('STARTTLS')).text).toMatch(
      /^503 5\.5\.2 Only one STARTTLS command can be issued per session \[/,
    )
  })

  it('forgets commands that were pipelined behind STARTTLS', async () => {
    await using exchange = await startTestExchange()
    const client = await exchange.dial()
    await client.command('EHLO client.example')
    expect((await client.command('STARTTLS\r\nNOOP\r\nEHLO injected.example')).code).toBe(220)
    await client.upgrade()
    expect((await client.command('VRFY x')).text).toBe('252 2.1.5 Cannot VRFY user')
    expect((await client.command('RCPT TO:<a@b.example>')).text).toMatch(
      /^503 5\.5\.2 Send hello first/,
    )
  })

  it.each(['TLSv1.1', 'TLSv1'] as const)('refuses the handshake of %s', async (version) => {
    await using exchange = await startTestExchange()
    const client = await exchange.dial()
    await client.command('EHLO client.example')
    const upgrade = client.startTls({
      rejectUnauthorized: false,
      minVersion: version,
      maxVersion: version,
      ciphers: 'DEFAULT@SECLEVEL=0',
    })
    await expect(upgrade).rejects.toMatchObject({ code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' })
    await client.closed
  })

  it.each([
    ['expired', 'CERT_HAS_EXPIRED'],
    ['wrongName', 'ERR_TLS_CERT_ALTNAME_INVALID'],
    ['selfSigned', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
  ])('shows the %s certificate from the next handshake on', async (certificate, code) => {
    await using exchange = await startTestExchange()
    const first = await exchange.dial()
    await first.command('EHLO client.example')
    exchange.tenant.patch({ smtp: { certificate } })
    await expect(first.startTls({ ca: exchange.caPem })).rejects.toMatchObject({ code })
    exchange.tenant.patch({ smtp: { certificate: 'valid' } })
    const second = await exchange.dial()
    await second.command('EHLO client.example')
    expect((await second.startTls({ ca: exchange.caPem })).authorized).toBe(true)
  })

  it('follows the switches for STARTTLS and mechanisms', async () => {
    await using exchange = await startTestExchange({ smtp: { offerStarttls: false } })
    const client = await exchange.dial()
    expect((await client.command('EHLO client.example')).text).not.toContain('STARTTLS')
    expect((await client.command('STARTTLS')).text).toMatch(/^500 5\.3\.3 Unrecognized command \[/)
    exchange.tenant.patch({ smtp: { offerStarttls: true, authMechanisms: ['LOGIN'] } })
    const secure = await exchange.dialSecure()
    expect((await secure.command('EHLO client.example')).lines).toContain('250-AUTH LOGIN')
    expect((await secure.command('AUTH XOAUTH2')).text).toMatch(
      /^504 5\.7\.4 Unrecognized authentication type/,
    )
    exchange.tenant.patch({ smtp: { authMechanisms: [] } })
    expect((await secure.command('EHLO client.example')).text).not.toContain('AUTH')
  })

  it('answers the small commands word for word', async () => {
    await using exchange = await startTestExchange()
    const client = await exchange.dial()
    expect((await client.command('HELO client.example')).text).toBe(
      `250 ${FRONT_DOOR} Hello [127.0.0.1]`,
    )
    expect((await client.command('NOOP')).text).toBe('250 2.0.0 OK')
    expect((await client.command('rset')).text).toBe('250 2.0.0 Resetting')
    expect((await client.command('VRFY postmaster')).text).toBe('252 2.1.5 Cannot VRFY user')
    expect((await client.command('HELP')).lines).toEqual([
      '214-This server supports the following commands:',
      '214 HELO EHLO STARTTLS RCPT DATA RSET MAIL QUIT HELP AUTH BDAT',
    ])
    expect((await client.command('QUIT')).text).toBe(
      '221 2.0.0 Service closing transmission channel',
    )
    await client.closed
  })

  it('signs every refusal with front door, time and session', async () => {
    await using exchange = await startTestExchange()
    const client = await exchange.dial()
    const { text } = await client.command('XYZZY')
    expect(text).toMatch(SUFFIX)
    expect(text).toContain(
      `500 5.3.3 Unrecognized command [${HOST_NAME} 2026-11-23T10:00:00.000Z 08D`,
    )
  })

  it.each([
    [['MAIL FROM:<a@b.example>'], '503 5.5.2 Send hello first'],
    [['RCPT TO:<a@b.example>'], '503 5.5.2 Send hello first'],
    [['DATA'], '503 5.5.2 Send hello first'],
    [['STARTTLS'], '503 5.5.2 Send hello first'],
    [['AUTH LOGIN'], '503 5.5.2 Send hello first'],
    [['HELO a', 'STARTTLS'], '503 5.5.2 Send EHLO first'],
    [['HELO a', 'AUTH LOGIN'], '503 5.5.2 Send EHLO first'],
    [['EHLO'], '501 5.5.4 Invalid domain name'],
    [['EHLO two words'], '501 5.5.4 Invalid domain name'],
    [['EHLO a', 'STARTTLS now'], '501 5.5.4 Invalid arguments'],
    [['EHLO a', 'MAIL FROM:<a@b.example>'], '530 5.7.0 Must issue a STARTTLS command first'],
    [['EHLO a', 'AUTH XOAUTH2'], '504 5.7.4 Unrecognized authentication type'],
    [['EHLO a', 'RCPT TO:<a@b.example>'], '503 5.5.2 Need mail command'],
    [['EHLO a', 'DATA'], '503 5.5.2 Need mail command'],
    [['EHLO a', 'BDAT 0 LAST'], '503 5.5.2 Need mail command'],
    [['EXPN list'], '502 5.3.3 Command not implemented'],
    [[''], '500 5.3.3 Unrecognized command'],
    [[`NOOP ${'x'.repeat(2100)}`], '500 5.5.2 Command too long'],
    [['x'.repeat(300_000)], '500 5.5.2 Command too long'],
  ])('answers %j in the clear with %s', async (lines, expected) => {
    await using exchange = await startTestExchange()
    const client = await exchange.dial()
    let text = ''
    for (const line of lines) text = (await client.command(line)).text
    expect(text.replace(SUFFIX, '')).toBe(expected)
  })

  it.each([
    ['MAIL', '501 5.5.4 Invalid arguments'],
    ['MAIL TO:<a@b.example>', '501 5.5.4 Invalid arguments'],
    ['MAIL FROM:', '501 5.1.7 Invalid address'],
    ['MAIL FROM:<a@b.example', '501 5.1.7 Invalid address'],
    ['MAIL FROM:<a b@b.example>', '501 5.1.7 Invalid address'],
    ['MAIL FROM:<a@>', '501 5.1.7 Invalid address'],
    ['MAIL FROM:<a@b..example>', '501 5.1.7 Invalid address'],
    ['MAIL FROM:<\u00fc@b.example>', '501 5.1.7 Invalid address'],
    ['MAIL FROM:<a@b.example> SIZE=x', '501 5.5.4 Invalid arguments'],
    [
      'MAIL FROM:<a@b.example> SIZE=157286401',
      '552 5.3.4 Message size exceeds fixed maximum message size',
    ],
    ['MAIL FROM:<a@b.example> BODY=9BIT', '501 5.5.4 Unsupported BODY type'],
    ['MAIL FROM:<a@b.example> FOO=1', '501 5.5.4 Unrecognized parameter'],
    [
      'MAIL FROM:<a@b.example> SIZE=157286400 BODY=8BITMIME SMTPUTF8 RET=HDRS ENVID=q',
      '250 2.1.0 Sender OK',
    ],
    ['MAIL FROM: <a@b.example>', '250 2.1.0 Sender OK'],
    ['mail from:a@b.example', '250 2.1.0 Sender OK'],
    ['MAIL FROM:<>', '250 2.1.0 Sender OK'],
    ['MAIL FROM:<"a b"@b.example>', '250 2.1.0 Sender OK'],
    ['MAIL FROM:<a@[192.0.2.1]>', '250 2.1.0 Sender OK'],
  ])('answers %s with %s', async (line, expected) => {
    await using exchange = await startTestExchange()
    const client = await exchange.dialSignedIn()
    expect(
      (await client.command(Buffer.from(line).toString('latin1'))).text.replace(SUFFIX, ''),
    ).toBe(expected)
  })

  it('takes recipients in its order and counts them', async () => {
    await using exchange = await startTestExchange({
      mailboxes: { [MAILBOX]: { recipientLimit: 2 } },
    })
    const client = await exchange.dialSignedIn()
    const say = async (line: string) => (await client.command(line)).text.replace(SUFFIX, '')
    expect(await say('RCPT TO:<b@fabrikam.com>')).toBe('503 5.5.2 Need mail command')
    expect(await say(`MAIL FROM:<${MAILBOX}>`)).toBe('250 2.1.0 Sender OK')
    expect(await say(`MAIL FROM:<${MAILBOX}>`)).toBe('503 5.5.2 Sender already specified')
    expect(await say('DATA')).toBe('503 5.5.2 Need rcpt command')
    expect(await say('RCPT TO:<b@>')).toBe('501 5.1.3 Invalid address')
    expect(await say('RCPT FROM:<b@fabrikam.com>')).toBe('501 5.5.4 Invalid arguments')
    expect(await say('RCPT TO:<b@fabrikam.com> NOTIFY=NEVER ORCPT=rfc822;b@fabrikam.com')).toBe(
      '250 2.1.5 Recipient OK',
    )
    expect(await say('RCPT TO:<c@nowhere.invalid>')).toBe('250 2.1.5 Recipient OK')
    expect(await say('RCPT TO:<d@fabrikam.com>')).toBe('452 4.5.3 Too many recipients')
    expect(await say('DATA now')).toBe('501 5.5.4 Invalid arguments')
    expect(await say('DATA')).toBe('354 Start mail input; end with <CRLF>.<CRLF>')
  })

  it('takes recipients beyond US-ASCII only with SMTPUTF8', async () => {
    await using exchange = await startTestExchange()
    const client = await exchange.dialSignedIn()
    const recipient = Buffer.from('RCPT TO:<j\u00f6rg@m\u00fcller.example>').toString('latin1')
    await client.command(`MAIL FROM:<${MAILBOX}>`)
    expect((await client.command(recipient)).text).toMatch(/^501 5\.1\.3 /)
    await client.command('RSET')
    await client.command(`MAIL FROM:<${MAILBOX}> SMTPUTF8`)
    expect((await client.command(recipient)).code).toBe(250)
  })

  it('answers pipelined commands in their order', async () => {
    await using exchange = await startTestExchange()
    const client = await exchange.dialSignedIn()
    client.write(`MAIL FROM:<${MAILBOX}>\r\nRCPT TO:<b@fabrikam.com>\r\nDATA\r\n`)
    const codes = [await client.read(), await client.read(), await client.read()].map((r) => r.code)
    expect(codes).toEqual([250, 250, 354])
  })

  it('ends the connection after one protocol error too many', async () => {
    await using exchange = await startTestExchange()
    const client = await exchange.dial()
    for (let i = 0; i < 5; i++) expect((await client.command('XYZZY')).code).toBe(500)
    expect((await client.command('XYZZY')).text).toMatch(
      /^421 4\.7\.0 Too many errors on this connection, closing transmission channel \[/,
    )
    await client.closed
  })

  it('ends the connection of a client that says nothing for ten minutes', async () => {
    await using exchange = await startTestExchange()
    const talking = await exchange.dialSignedIn()
    const silent = await exchange.dialSignedIn()
    await exchange.clock.advance(9 * 60_000)
    await talking.command('NOOP')
    await exchange.clock.advance(60_000)
    expect((await silent.read()).text.replace(SUFFIX, '')).toBe('421 4.4.1 Connection timed out')
    await silent.closed
    expect((await talking.command('NOOP')).code).toBe(250)
  })

  it('counts connections and forgets none when they close', async () => {
    await using exchange = await startTestExchange()
    const { counters } = exchange.tenant
    const one = await exchange.dial()
    const two = await exchange.dial()
    expect(counters).toMatchObject({
      smtpConnections: 2,
      smtpOpenConnections: 2,
      smtpMaxOpenConnections: 2,
    })
    await one.command('QUIT')
    await two.command('QUIT')
    await expect.poll(() => counters.smtpOpenConnections).toBe(0)
    await using three = await openSmtpDialogue({ port: exchange.port })
    await three.read()
    expect(counters).toMatchObject({ smtpConnections: 3, smtpMaxOpenConnections: 2 })
  })

  it('waits before every reply when it is told to be slow', async () => {
    await using exchange = await startTestExchange()
    const client = await exchange.dialSignedIn()
    exchange.tenant.patch({ smtp: { delayMs: 5000 } })
    const sleeping = exchange.clock.sleepers
    const reply = client.command('NOOP')
    await exchange.clock.untilSleeping(sleeping + 1)
    await exchange.clock.advance(5000)
    expect((await reply).code).toBe(250)
  })

  it('closes while clients are connected and asleep', async () => {
    const exchange = await startTestExchange()
    const client = await exchange.dialSignedIn()
    await openMessage(client)
    exchange.tenant.patch({ smtp: { delayMs: 60_000 } })
    const sleeping = exchange.clock.sleepers
    client.write('.\r\n')
    await exchange.clock.untilSleeping(sleeping + 1)
    await exchange[Symbol.asyncDispose]()
    await client.closed
    expect(exchange.clock.sleepers).toBe(0)
    expect(exchange.tenant.counters.smtpOpenConnections).toBe(0)
  })
})
