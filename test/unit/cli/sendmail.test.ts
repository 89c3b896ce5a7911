import { describe, expect, it } from 'vitest'
import { readMail } from '../../support/mail.ts'
import { ALICE, LOCAL_SERVER, profileInput } from '../profiles/harness.ts'
import { createSendmailBench } from './sendmail-bench.ts'

const MAIL = 'From: alerts@contoso.com\nTo: ada@example.com\nSubject: Hi\n\nHello\n'
const addresses = (mail: { recipients: readonly { address: string }[] }) =>
  mail.recipients.map(({ address }) => address)

describe('postern sendmail', () => {
  it('accepts what cron hands over: a local user, no domain, its own options', async () => {
    await using bench = await createSendmailBench()
    const input = [
      'From: root (Cron Daemon)',
      'To: root',
      'Subject: Cron <root@host> backup',
      'MIME-Version: 1.0',
      'Content-Type: text/plain; charset=UTF-8',
      'Content-Transfer-Encoding: 8bit',
      'X-Cron-Env: <SHELL=/bin/sh>',
      '',
      'Grüße',
      '.',
      'more',
      '',
    ].join('\n')
    const args = ['-i', '-FCronDaemon', '-B8BITMIME', '-oem', 'root']
    expect(await bench.run(['sendmail', ...args], input)).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    })
    const mail = await bench.last()
    expect(addresses(mail)).toEqual(['it@contoso.com'])
    expect(mail.message).toMatchObject({
      profileId: 'default',
      source: 'sendmail',
      state: 'queued',
      headerFrom: 'alerts@contoso.com',
      subject: 'Cron <root@host> backup',
      envelope: { sender: 'alerts@contoso.com', eightBit: true, smtpUtf8: false },
    })
    expect(mail.message.client).toMatch(/^sendmail:.+/)
    const read = readMail(mail.raw)
    expect(read.header('from')).toEqual(['Cron Daemon <alerts@contoso.com>'])
    expect(read.header('reply-to')).toEqual([])
    expect(read.header('date')).toHaveLength(1)
    expect(read.header('message-id')).toEqual([`<${mail.message.id}@contoso.com>`])
    expect(Buffer.from(mail.raw, 'latin1').toString()).toMatch(/\r\n\r\nGrüße\r\n\.\r\nmore\r\n$/)
  })

  it('takes recipients of the header with -t, beside the arguments, and takes Bcc out', async () => {
    await using bench = await createSendmailBench()
    const input = [
      'From: alerts@contoso.com',
      'To: Ada <ada@example.com>, group: bob@example.com, "C, D" <c@example.com>;',
      'Cc: ADA@example.com',
      'Bcc: secret@example.com,',
      '\tsecret2@example.com',
      'Subject: x',
      '',
      'To: not@example.com',
    ].join('\n')
    expect((await bench.run(['sendmail', '-ti', 'extra@example.com'], input)).code).toBe(0)
    const mail = await bench.last()
    expect(addresses(mail)).toEqual([
      'extra@example.com',
      'ADA@example.com',
      'bob@example.com',
      'c@example.com',
      'secret@example.com',
      'secret2@example.com',
    ])
    expect(mail.raw).not.toMatch(/secret|^bcc/im)
  })

  it('never takes recipients of the header without -t', async () => {
    await using bench = await createSendmailBench()
    expect((await bench.run(['sendmail', 'bob@example.com'], MAIL)).code).toBe(0)
    expect(addresses(await bench.last())).toEqual(['bob@example.com'])
    expect((await bench.run(['sendmail'], MAIL)).code).toBe(64)
  })

  it('prefers Resent fields with -t (RFC 5322 §3.6.6)', async () => {
    await using bench = await createSendmailBench()
    await bench.run(['sendmail', '-t'], `Resent-To: new@example.com\n${MAIL}`)
    expect(addresses(await bench.last())).toEqual(['new@example.com'])
  })

  it.each([
    ['ends at a lone dot', ['x@example.com'], 'one\n.\ntwo\n', 'one\r\n'],
    ['ends at a lone dot with CR', ['x@example.com'], 'one\r\n.\r\ntwo\r\n', 'one\r\n'],
    ['goes on behind a dot with -i', ['-i', 'x@example.com'], 'one\n.\ntwo', 'one\r\n.\r\ntwo\r\n'],
    ['goes on behind a dot with -oi', ['-oi', 'x@example.com'], '.\ntwo', '.\r\ntwo\r\n'],
    ['keeps a line with more than a dot', ['x@example.com'], '..\n. \n.x\n', '..\r\n. \r\n.x\r\n'],
  ])('%s', async (_title, args, text, body) => {
    await using bench = await createSendmailBench()
    expect((await bench.run(['sendmail', ...args], `Subject: x\n\n${text}`)).code).toBe(0)
    const { raw } = await bench.last()
    expect(raw.slice(raw.indexOf('\r\n\r\n') + 4)).toBe(body)
  })

  it('takes a text without any header, and the line of a mailbox file away', async () => {
    await using bench = await createSendmailBench()
    await bench.run(['sendmail', '-F', 'Backup job', 'x@example.com'], 'disk is full\nreally')
    const plain = await bench.last()
    expect(readMail(plain.raw).header('from')).toEqual(['Backup job <alerts@contoso.com>'])
    expect(plain.raw).toMatch(/\r\n\r\ndisk is full\r\nreally\r\n$/)
    await bench.run(['sendmail', 'x@example.com'], `From root Mon Nov 23 10:42:00 2026\n${MAIL}`)
    expect((await bench.last()).raw).toMatch(/^From: alerts@contoso.com\r\nTo: ada/)
  })

  it('chooses the profile by name, by -f, by From, or takes the default one', async () => {
    await using bench = await createSendmailBench()
    const other = { server: LOCAL_SERVER, authentication: { type: 'none' } }
    for (const id of ['web', 'shop']) {
      const senderEmailAddress = `${id}@contoso.com`
      await bench.rig.profiles.create(profileInput({ ...other, id, senderEmailAddress }), ALICE)
    }
    const send = async (args: string[], from = 'nobody@host') => {
      await bench.run(['sendmail', ...args, 'x@example.com'], `From: ${from}\n\nx`)
      const { message } = await bench.last()
      return [message.profileId, message.envelope.sender, message.headerFrom]
    }
    const WEB = ['web', 'web@contoso.com', 'web@contoso.com']
    const SHOP = ['shop', 'shop@contoso.com', 'shop@contoso.com']
    expect(await send([])).toEqual(['default', 'alerts@contoso.com', 'alerts@contoso.com'])
    expect(await send(['-f', 'WEB@contoso.com'])).toEqual(['web', 'WEB@contoso.com', WEB[2]])
    expect(await send(['-r<web@contoso.com>'])).toEqual(WEB)
    expect(await send(['-f', 'root'], 'Shop <shop@contoso.com>')).toEqual(SHOP)
    expect(await send(['-fweb@contoso.com', '--profile=shop'])).toEqual(SHOP)
    expect(await send(['-f', '<>'])).toEqual(['default', '', 'alerts@contoso.com'])
  })

  it('puts a From that the profile may not use into Reply-To', async () => {
    await using bench = await createSendmailBench()
    const headers = async (from: string) => {
      await bench.run(['sendmail', 'x@example.com'], `${from}\nSubject: x\n\nx`)
      const read = readMail((await bench.last()).raw)
      return [read.header('from'), read.header('reply-to'), read.header('sender')].flat()
    }
    expect(await headers('From: Web Shop <www@shop.example>\nSender: x@shop.example')).toEqual([
      'Web Shop <alerts@contoso.com>',
      'Web Shop <www@shop.example>',
    ])
    expect(await headers('From: www@shop.example\nReply-To: desk@shop.example')).toEqual([
      'Process Alerts <alerts@contoso.com>',
      'desk@shop.example',
    ])
    expect(await headers('From: www-data@host')).toEqual(['Process Alerts <alerts@contoso.com>'])
    expect(await headers('From: alerts@contoso.com\nSender: x@y.example')).toEqual([
      'alerts@contoso.com',
    ])
    expect((await headers('From: alerts@contoso.com (<x@y.example>)'))[0]).not.toMatch(/\(</)
    expect(await headers('From: Desk <alerts@contoso.com>')).toEqual(['Desk <alerts@contoso.com>'])
  })

  it('brings what is not ASCII into a form that every server takes', async () => {
    await using bench = await createSendmailBench()
    const send = async (input: string | Buffer) => {
      expect((await bench.run(['sendmail', 'x@example.com'], input)).code).toBe(0)
      return await bench.last()
    }
    const plain = await send('Subject: Grüße aus Köln\nTo: Jörg Müller <j@example.com>\n\nschön\n')
    const read = readMail(plain.raw)
    expect(plain.raw.slice(0, plain.raw.indexOf('\r\n\r\n'))).toMatch(/^[\x20-\x7e\r\n]*$/)
    expect(read.subject).toBe('Grüße aus Köln')
    expect(read.header('to')).toEqual(['Jörg Müller <j@example.com>'])
    expect(read.header('content-type')).toEqual(['text/plain; charset=utf-8'])
    expect(read.header('content-transfer-encoding')).toEqual(['8bit'])
    expect(plain.message).toMatchObject({
      subject: 'Grüße aus Köln',
      envelope: { eightBit: true, smtpUtf8: false },
    })
    const latin = await send(Buffer.from('Subject: Gr\xfc\xdfe\n\nsch\xf6n\n', 'latin1'))
    expect(readMail(latin.raw).subject).toBe('Grüße')
    expect(readMail(latin.raw).header('content-type')).toEqual(['text/plain; charset=iso-8859-1'])
    const declared = await send('MIME-Version: 1.0\nContent-Type: text/html\n\n<p>ü</p>\n')
    expect(readMail(declared.raw).header('content-type')).toEqual(['text/html'])
  })

  it('wraps lines that mail cannot carry', async () => {
    await using bench = await createSendmailBench()
    const line = 'word = '.repeat(400)
    await bench.run(['sendmail', 'x@example.com'], `Subject: x\n\n${line}end\n`)
    const { raw } = await bench.last()
    expect(Math.max(...raw.split('\r\n').map((text) => text.length))).toBeLessThan(100)
    expect(readMail(raw).text.trim()).toBe(`${line}end`)
  })

  it('repairs line ends and NUL bytes, and adds no field by them', async () => {
    await using bench = await createSendmailBench()
    await bench.run(
      ['sendmail', 'x@example.com'],
      'Subject: a\rBcc: evil@example.com\n\nx\0y\rz\r\n',
    )
    const mail = await bench.last()
    expect(addresses(mail)).toEqual(['x@example.com'])
    expect(mail.raw).toMatch(/^Subject: a Bcc: evil@example.com\r\n/)
    expect(mail.raw).toMatch(/\r\n\r\nxy z\r\n$/)
  })

  it('passes on what is wished for notifications', async () => {
    await using bench = await createSendmailBench()
    const args = ['-N', 'failure,delay', '-R', 'hdrs', '-V', 'job+7', 'x@example.com']
    expect((await bench.run(['sendmail', ...args], MAIL)).code).toBe(0)
    const mail = await bench.last()
    expect(mail.recipients).toMatchObject([{ notify: 'FAILURE,DELAY' }])
    expect(mail.message.envelope).toMatchObject({ ret: 'HDRS', envid: 'job+2B7' })
  })

  it.each([
    [['-t', '-i', '-oi', '-oem', '-odb', '-bm', '-Ac', '-B', '8BITMIME', '-O', 'QueueLA=5']],
    [['-U', '-G', '-v', '-n', '-m', '-c', '-x', '-h', '3', '-p', 'smtp', '-L', 'tag', '-em']],
    [['-C', '/etc/mail.cf', '-X/dev/null', '-d0.1', '-oMrcron', '-t']],
  ])('takes the harmless options %j', async (options) => {
    await using bench = await createSendmailBench()
    const { code, stderr } = await bench.run(['sendmail', ...options, 'x@example.com'], MAIL)
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  })

  it.each([
    [['-bs'], 64, /SMTP on standard input is not offered/],
    [['-bd'], 64, /-bd is not offered/],
    [['-bv', 'x@example.com'], 64, /-bv is not offered/],
    [['-bp'], 69, /GET \/api\/v1\/messages/],
    [['-bi'], 0, /no aliases/],
    [['-I'], 0, /no aliases/],
    [['-q'], 0, /by itself/],
    [['-q15m'], 0, /by itself/],
    [['-Z', 'x@example.com'], 64, /no option -Z/],
    [['--colour', 'x@example.com'], 64, /no option --colour/],
    [['-f'], 64, /-f needs a value/],
    [['-N', 'always', 'x@example.com'], 64, /-N is never/],
    [['-R', 'some', 'x@example.com'], 64, /-R is full or hdrs/],
    [['-V', 'a b', 'x@example.com'], 64, /-V is an id/],
    [['-t'], 64, /no recipient in To, Cc or Bcc/],
    [['a@b@c.example'], 67, /more than one @/],
    [['u@a\u202eb.com'], 67, /“u@a\[U\+202E\]b\.com” has no valid domain after the @/],
    [['ada@example.com', 'u@a\u200db.com'], 67, /“u@a\[U\+200D\]b\.com” has no valid domain/],
    [['x@example'], 0, /^$/],
    [['--profile', 'none', 'x@example.com'], 78, /no profile “none”/],
  ])('answers %j with exit code %i and one sentence', async (args, code, sentence) => {
    await using bench = await createSendmailBench()
    const end = await bench.run(['sendmail', ...args], 'Subject: x\n\nx\n')
    expect(end.stderr.replace(/\n$/, '')).toMatch(sentence)
    expect(end.stderr.split('\n').length).toBeLessThanOrEqual(2)
    expect([end.code, end.stdout]).toEqual([code, ''])
  })

  it('says what a local user needs where the profile names nobody for errors', async () => {
    await using bench = await createSendmailBench({ errorEmailAddress: null })
    const { code, stderr } = await bench.run(['sendmail', 'root'], MAIL)
    expect(code).toBe(67)
    expect(stderr).toMatch(/local user “root”: set errorEmailAddress.*MAILTO/)
    expect(await bench.accepted()).toEqual([])
  })

  it('ends with the code of what is wrong around it', async () => {
    await using bench = await createSendmailBench()
    const run = (env: Record<string, string>) =>
      bench.run(['sendmail', 'x@example.com'], MAIL, { ...bench.env, ...env })
    expect((await run({ POSTERN_RELAY_PORT: 'smtp' })).code).toBe(78)
    expect((await run({ POSTERN_DATA_DIR: '/nonexistent' })).code).toBe(78)
    expect((await run({ POSTERN_SENDMAIL_USERNAME: 'x' })).stderr).toMatch(
      /POSTERN_SENDMAIL_PASSWORD/,
    )
    const large = await bench.run(['sendmail', 'x@example.com'], 'x'.repeat(2 * 1024 * 1024), {
      ...bench.env,
      POSTERN_MESSAGE_MAX_SIZE_MB: '1',
    })
    expect([large.code, large.stderr]).toEqual([
      65,
      'sendmail: the message is larger than 1 MB: nothing was accepted.\n',
    ])
    await bench.rig.profiles.remove('default', { version: undefined, actor: ALICE })
    const none = await run({})
    expect([none.code, none.stderr]).toEqual([78, expect.stringContaining('no profile yet')])
  })
})
