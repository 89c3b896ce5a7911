import { expect, test } from 'vitest'
import { createFakeOutbox, diskFull } from './fake-outbox.ts'
import { ADMIN, envelope, MEBIBYTE, mail, profileOf, startRelay } from './harness.ts'

test('a message is accepted with its id, and arrives byte for byte behind a Received line', async () => {
  await using rig = await startRelay()
  await using dialogue = await rig.session()
  await envelope(dialogue)
  const reply = await dialogue.content(mail(['.', '..two', '.x']))
  expect(reply.text).toBe('250 2.0.0 Ok: queued as m-1')
  const { body, draft } = await rig.outbox.message()
  expect(body).toBe(
    [
      'Received: from client.test ([127.0.0.1]) by relay.test (Postern) with ESMTPA',
      ' id m-1 for <bob@example.com>;',
      ' Mon, 23 Nov 2026 10:00:00 +0000',
      mail(['.', '..two', '.x']),
      '',
    ].join('\r\n'),
  )
  expect(draft).toMatchObject({
    profileId: 'default',
    source: 'relay',
    priority: 2,
    headerFrom: 'alerts@contoso.com',
    subject: 'Test',
    messageId: null,
    bounceTo: null,
    envelope: {
      sender: 'alerts@contoso.com',
      recipients: [{ address: 'bob@example.com', notify: null, orcpt: null }],
      smtpUtf8: false,
      eightBit: false,
    },
  })
})

test('EHLO offers what the relay can do, and its real size limit', async () => {
  await using rig = await startRelay()
  await using dialogue = await rig.open()
  expect((await dialogue.read()).text).toBe('220 relay.test ESMTP Postern')
  const { lines } = await dialogue.command('EHLO client.test')
  expect(lines.map((line) => line.slice(4))).toEqual([
    'relay.test',
    'PIPELINING',
    '8BITMIME',
    'SMTPUTF8',
    'ENHANCEDSTATUSCODES',
    'DSN',
    'AUTH PLAIN LOGIN',
    'STARTTLS',
    `SIZE ${35 * MEBIBYTE}`,
  ])
})

test('everything of the envelope is passed on in the words of the client', async () => {
  await using rig = await startRelay({ client: { fromPolicy: 'keep', bounces: true } })
  await using dialogue = await rig.session()
  const sender =
    'MAIL FROM:<jürgen@bücher.example> SMTPUTF8 BODY=8BITMIME RET=HDRS ENVID=a+2Bb SIZE=9'
  const utf8 = (text: string) => Buffer.from(text).toString('latin1')
  expect((await dialogue.command(utf8(sender))).code).toBe(250)
  const orcpt = 'NOTIFY=success,FAILURE ORCPT=rfc822;bob+2Bx@example.com'
  expect((await dialogue.command(`RCPT TO:<Bob@xn--bcher-kva.example> ${orcpt}`)).code).toBe(250)
  expect((await dialogue.command('RCPT TO:<carol@example.com>')).code).toBe(250)
  await dialogue.command('DATA')
  await dialogue.content(utf8(mail(['Grüße'])))
  const { draft, body } = await rig.outbox.message()
  expect(draft.envelope).toEqual({
    sender: 'jürgen@bücher.example',
    recipients: [
      {
        address: 'Bob@xn--bcher-kva.example',
        notify: 'SUCCESS,FAILURE',
        orcpt: 'rfc822;bob+2Bx@example.com',
      },
      { address: 'carol@example.com', notify: null, orcpt: null },
    ],
    smtpUtf8: true,
    eightBit: true,
    ret: 'HDRS',
    envid: 'a+2Bb',
  })
  // Its envelope sender is not one that the client may use.
  expect(draft.bounceTo).toBeNull()
  expect(body.endsWith(utf8(`${mail(['Grüße'])}\r\n`))).toBe(true)
  expect(body).not.toContain('for <')
})

test.each([
  ['MAIL FROM:<a@b.example> FOO=bar', '555 5.5.4'],
  ['MAIL FROM:<a@b.example> SIZE=x', '501 5.5.4'],
  ['MAIL FROM:<a@b.example> RET=ALL', '501 5.5.4'],
  ['MAIL FROM:<a@b.example> ENVID=a+2', '501 5.5.4'],
  ['MAIL FROM:<a@b.example> BODY=BINARYMIME', '501 5.5.4'],
  ['MAIL FROM:<a@b.example> SIZE=1 SIZE=2', '501 5.5.4'],
  ['MAIL FROM:<j\xfcrgen@b.example>', '501 5.1.7'],
  ['MAIL FROM:<j\xc3\xbcrgen@b.example>', '553 5.6.7'],
  ['MAIL FROM:a@b.example', '501 5.1.7'],
  ['MAIL FROM:<a@b.example> SIZE=99999999', '552 5.3.4'],
  ['RCPT TO:<bob@example.com>', '503 5.5.1'],
  ['DATA', '503 5.5.1'],
  ['VRFY bob@example.com', '252 2.0.0'],
  ['MAIL FROM:<MFP-2>', '501 5.1.7'],
  ['MAIL FROM:<MFP 2>', '501 5.1.7'],
  ['EXPN list', '500 5.5.2'],
  ['XCLIENT ADDR=192.0.2.9', '500 5.5.2'],
  ['XFORWARD ADDR=192.0.2.9', '500 5.5.2'],
  ['WIZ please', '500 5.5.2'],
  ['BDAT 5', '500 5.5.2'],
  ['NOOP\0', '500 5.5.2'],
])('%j is answered with %s', async (command, answer) => {
  await using rig = await startRelay({ client: { fromPolicy: 'keep' } })
  await using dialogue = await rig.session()
  const reply = await dialogue.command(command)
  expect(reply.text.slice(0, 9)).toBe(answer)
  expect((await dialogue.command('NOOP')).code).toBe(250)
})

test.each([
  ['RCPT TO:<bob@example.com> NOTIFY=NEVER,DELAY', '501 5.5.4'],
  ['RCPT TO:<bob@example.com> NOTIFY=SOMETIMES', '501 5.5.4'],
  ['RCPT TO:<bob@example.com> ORCPT=nonsense', '501 5.5.4'],
  ['RCPT TO:<bob@example.com> ORCPT=rfc822;a+zz', '501 5.5.4'],
  ['RCPT TO:<b\xc3\xb6b@example.com>', '553 5.6.7'],
  ['RCPT TO:<b\xffb@example.com>', '501 5.1.3'],
  ['RCPT TO:<postmaster>', '553 5.1.3'],
  ['RCPT TO:<>', '501 5.1.3'],
  ['RCPT TO:<bob@example.com> SIZE=3', '555 5.5.4'],
])('%j is answered with %s', async (command, answer) => {
  await using rig = await startRelay()
  await using dialogue = await rig.session()
  await dialogue.command('MAIL FROM:<alerts@contoso.com>')
  expect((await dialogue.command(command)).text.slice(0, 9)).toBe(answer)
})

test('a sender that the client may not use is refused at once, with what would be allowed', async () => {
  await using rig = await startRelay()
  await using dialogue = await rig.session()
  const reply = await dialogue.command('MAIL FROM:<mallory@evil.example>')
  expect(reply.text).toMatch(/^550 5\.7\.1 .*mallory@evil\.example.*alerts@contoso\.com/)
  expect(rig.news).toContain('refused 550 5.7.1')
  // The null sender names nobody.
  expect((await dialogue.command('MAIL FROM:<>')).code).toBe(250)
})

test('a From header that the client may not use is refused, and nothing of the message stays', async () => {
  await using rig = await startRelay()
  await using dialogue = await rig.session()
  await envelope(dialogue)
  const reply = await dialogue.content('From: mallory@evil.example\r\n\r\nHello')
  expect(reply.text).toMatch(/^550 5\.7\.1 /)
  await rig.outbox.untilAborted()
  await envelope(dialogue)
  expect((await dialogue.content(mail())).code).toBe(250)
  expect(rig.outbox.messages).toHaveLength(1)
})

test('rewrite makes the sender of the profile the envelope sender, too, but never of a bounce', async () => {
  await using rig = await startRelay({ client: { fromPolicy: 'rewrite', bounces: true } })
  await using dialogue = await rig.session()
  for (const sender of ['root@host.local', '', 'alerts@contoso.com']) {
    await dialogue.command(`MAIL FROM:<${sender}>`)
    await dialogue.command('RCPT TO:<bob@example.com>')
    await dialogue.command('DATA')
    expect((await dialogue.content('From: root@host.local\r\n\r\nHello')).code).toBe(250)
  }
  const drafts = rig.outbox.messages.map(({ draft }) => draft)
  expect(drafts.map(({ envelope: { sender }, bounceTo }) => [sender, bounceTo])).toEqual([
    ['alerts@contoso.com', null],
    ['', null],
    ['alerts@contoso.com', 'alerts@contoso.com'],
  ])
  expect(drafts.map(({ headerFrom }) => headerFrom)).toEqual(Array(3).fill('alerts@contoso.com'))
  expect(rig.outbox.messages[0]?.body).toContain(
    'From: "Process Alerts" <alerts@contoso.com>\r\nReply-To: root@host.local\r\n\r\nHello',
  )
})

test('a device that names no domain is taken where From is rewritten and repaired, and only there', async () => {
  const repair = { brokenFrom: true }
  await using rig = await startRelay({ client: { fromPolicy: 'rewrite', repair, bounces: true } })
  await using stranger = await rig.session({ login: false })
  expect((await stranger.command('MAIL FROM:<MFP-2>')).text).toMatch(/^530 5\.7\.0 /)
  await using dialogue = await rig.session()
  expect((await dialogue.command('MAIL FROM:<MFP-2> SIZE=abc')).text).toMatch(/^501 5\.5\.4 /)
  expect((await dialogue.command('MAIL FROM:<MFP-2> SIZE=9')).text).toMatch(/^250 2\.1\.0 /)
  await dialogue.command('RCPT TO:<bob@example.com>')
  await dialogue.command('DATA')
  expect((await dialogue.content('From: MFP-2\r\n\r\nScan')).code).toBe(250)
  const { draft } = await rig.outbox.message()
  expect([draft.envelope.sender, draft.headerFrom, draft.bounceTo]).toEqual([
    'alerts@contoso.com',
    'alerts@contoso.com',
    null,
  ])
  await using strict = await startRelay({ client: { fromPolicy: 'rewrite' } })
  await using other = await strict.session()
  expect((await other.command('MAIL FROM:<MFP-2>')).text).toMatch(/^501 5\.1\.7 .*repair/)
})

test('the Bcc fields of a message do not leave', async () => {
  await using rig = await startRelay()
  await using dialogue = await rig.session()
  await envelope(dialogue)
  await dialogue.content(`Bcc: hidden@example.com\r\n${mail()}`)
  const { body } = await rig.outbox.message()
  expect(body).not.toContain('hidden')
  expect(body.endsWith(`+0000\r\n${mail()}\r\n`)).toBe(true)
})

test('too many messages in a minute are told to come later, and may come then', async () => {
  await using rig = await startRelay({ client: { messagesPerMinute: 2 } })
  await using dialogue = await rig.session()
  for (let i = 0; i < 2; i++) {
    await envelope(dialogue)
    await dialogue.content(mail())
  }
  expect((await dialogue.command('MAIL FROM:<alerts@contoso.com>')).text).toMatch(/^450 4\.7\.1 /)
  await rig.clock.advance(60_000)
  expect((await dialogue.command('MAIL FROM:<alerts@contoso.com>')).code).toBe(250)
})

test('more recipients than allowed are left for another message', async () => {
  await using rig = await startRelay({ client: { maxRecipients: 2 } })
  await using dialogue = await rig.session()
  await dialogue.command('MAIL FROM:<alerts@contoso.com>')
  const answers: string[] = []
  for (const name of ['a', 'b', 'c', 'A']) {
    answers.push((await dialogue.command(`RCPT TO:<${name}@example.com>`)).text.slice(0, 9))
  }
  expect(answers).toEqual(['250 2.1.5', '250 2.1.5', '452 4.5.3', '250 2.1.5'])
  await dialogue.command('DATA')
  await dialogue.content(mail())
  expect((await rig.outbox.message()).draft.envelope.recipients).toHaveLength(2)
})

test('a message over the limit of its client is refused while it comes, and the next one is taken', async () => {
  await using rig = await startRelay({ client: { maxMessageBytes: 4096 } })
  await using dialogue = await rig.session()
  expect((await dialogue.command('MAIL FROM:<alerts@contoso.com> SIZE=4097')).text).toMatch(
    /^552 5\.3\.4 .*4096/,
  )
  await envelope(dialogue)
  const reply = await dialogue.content(mail([`x`.repeat(100_000)]))
  expect(reply.text).toMatch(/^552 5\.3\.4 .*4096/)
  await envelope(dialogue)
  expect((await dialogue.content(mail())).code).toBe(250)
})

test.each([
  ['a full disk', () => diskFull(), /^452 4\.3\.1 The disk of the data folder is full/],
  [
    'a broken store',
    () => new Error('secret details'),
    /^451 4\.3\.0 The message was not accepted/,
  ],
])('%s is a temporary failure, and nothing is lost or shown', async (_, error, answer) => {
  await using rig = await startRelay()
  rig.outbox.onCommit = () => Promise.reject(error())
  await using dialogue = await rig.session()
  await envelope(dialogue)
  const reply = await dialogue.content(mail())
  expect(reply.text).toMatch(answer)
  expect(reply.text).not.toContain('secret details')
  await rig.outbox.untilAborted()
  rig.outbox.onCommit = async () => {}
  await envelope(dialogue)
  expect((await dialogue.content(mail())).code).toBe(250)
})

test('a disk that fills in the middle of a message refuses it when it has come', async () => {
  const outbox = createFakeOutbox()
  await using rig = await startRelay({ outbox })
  let writes = 0
  outbox.onWrite = async () => {
    writes += 1
    if (writes > 2) throw diskFull()
  }
  await using dialogue = await rig.session()
  await envelope(dialogue)
  const reply = await dialogue.content(mail(Array.from({ length: 10_000 }, () => 'x'.repeat(76))))
  expect(reply.text).toMatch(/^452 4\.3\.1 /)
  await outbox.untilAborted()
  expect(outbox.pending).toBe(0)
})

test('250 comes only after the commit', async () => {
  await using rig = await startRelay()
  const commit = Promise.withResolvers<void>()
  const started = Promise.withResolvers<void>()
  rig.outbox.onCommit = () => {
    started.resolve()
    return commit.promise
  }
  await using dialogue = await rig.session()
  await envelope(dialogue)
  let isAnswered = false
  const reply = dialogue.content(mail()).then((answer) => {
    isAnswered = true
    return answer
  })
  await started.promise
  await using other = await rig.session()
  expect((await other.command('NOOP')).code).toBe(250)
  expect(isAnswered).toBe(false)
  commit.resolve()
  expect((await reply).code).toBe(250)
})

test('whole transactions in one packet are answered in order', async () => {
  await using rig = await startRelay()
  await using dialogue = await rig.session()
  const one = [
    'MAIL FROM:<alerts@contoso.com>',
    'RCPT TO:<bob@example.com>',
    'DATA',
    `${mail()}\r\n.`,
  ]
  dialogue.write([...one, ...one, 'QUIT', ''].join('\r\n'))
  const codes: number[] = []
  for (let i = 0; i < 9; i++) codes.push((await dialogue.read()).code)
  expect(codes).toEqual([250, 250, 354, 250, 250, 250, 354, 250, 221])
  const [first, second] = rig.outbox.messages
  expect(first?.id).not.toBe(second?.id)
  await dialogue.closed
})

test('final dot, QUIT and the end of the connection may come together', async () => {
  await using rig = await startRelay()
  await using dialogue = await rig.session()
  await envelope(dialogue)
  dialogue.socket.end(`${mail()}\r\n.\r\nQUIT\r\n`)
  expect((await dialogue.read()).text).toBe('250 2.0.0 Ok: queued as m-1')
  expect((await dialogue.read()).code).toBe(221)
  await dialogue.closed
})

test('a client that hangs up in the middle of a message leaves nothing behind', async () => {
  await using rig = await startRelay()
  const dialogue = await rig.session()
  await envelope(dialogue)
  dialogue.socket.end(`${mail()}\r\n\r\n${'x'.repeat(200_000)}`)
  await rig.outbox.untilAborted()
  await dialogue.closed
  expect(rig.outbox.messages).toEqual([])
})

test('a command that is cut off by the end of the connection is not carried out', async () => {
  await using rig = await startRelay()
  await using dialogue = await rig.session()
  await dialogue.command('MAIL FROM:<alerts@contoso.com>')
  dialogue.socket.end('RCPT TO:<bob@example.com')
  await expect(dialogue.read()).rejects.toThrow('connection closed')
})

test('a large message passes in pieces and never lies in memory as a whole', async () => {
  const outbox = createFakeOutbox()
  await using rig = await startRelay({ outbox })
  let most = 0
  let waiting = 0
  outbox.onWrite = async (chunk) => {
    waiting += chunk.length
    most = Math.max(most, waiting)
    await new Promise((resolve) => setImmediate(resolve))
    waiting -= chunk.length
  }
  await using dialogue = await rig.session()
  await envelope(dialogue)
  const body = mail(Array.from({ length: 60_000 }, (_, i) => `${i} ${'x'.repeat(70)}`))
  expect((await dialogue.content(body)).code).toBe(250)
  expect((await outbox.message()).body.endsWith(`${body}\r\n`)).toBe(true)
  expect(most).toBeLessThan(MEBIBYTE)
})

test('a client that is switched off, or whose profile is gone, can hand in nothing more', async () => {
  await using rig = await startRelay()
  await using dialogue = await rig.session()
  const [view] = await rig.clients.list()
  rig.profiles.delete('default')
  expect((await dialogue.command('MAIL FROM:<alerts@contoso.com>')).text).toMatch(/^451 4\.3\.5 /)
  rig.profiles.set('default', profileOf('default'))
  await rig.clients.replace(
    view?.id ?? '',
    { name: 'app', profileId: 'default', enabled: false },
    ADMIN,
  )
  expect((await dialogue.command('MAIL FROM:<alerts@contoso.com>')).text).toMatch(/^550 5\.7\.1 /)
})

test('a new secret ends what was logged in with the former one', async () => {
  await using rig = await startRelay()
  await using dialogue = await rig.session()
  const id = rig.clients.forLogin('app')?.client.id ?? ''
  await rig.clients.replace(id, { name: 'app', profileId: 'default', renewSecret: true }, ADMIN)
  expect((await dialogue.command('MAIL FROM:<alerts@contoso.com>')).text).toMatch(/^421 4\.7\.0 /)
  await dialogue.closed
})

test('the last use of a client is written at most once a minute', async () => {
  await using rig = await startRelay()
  await using dialogue = await rig.session()
  const lastUse = async () => {
    await envelope(dialogue)
    await dialogue.content(mail())
    await rig.clients[Symbol.asyncDispose]()
    return (await rig.clients.list())[0]?.lastUsedAt
  }
  expect(await lastUse()).toBe('2026-11-23T10:00:00.000Z')
  await rig.clock.advance(30_000)
  expect(await lastUse()).toBe('2026-11-23T10:00:00.000Z')
  await rig.clock.advance(30_000)
  expect(await lastUse()).toBe('2026-11-23T10:01:00.000Z')
})
