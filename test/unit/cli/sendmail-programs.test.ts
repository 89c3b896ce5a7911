import { chmodSync, writeFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { SMTPServer } from 'smtp-server'
import { describe, expect, it } from 'vitest'
import { readMail } from '../../support/mail.ts'
import { createSendmailBench, findProgram } from './sendmail-bench.ts'

const php = await findProgram('php')
const mailx = await findProgram('mailx')
const isRoot = process.getuid?.() === 0
if (php === undefined) console.log('skipped: PHP’s mail(), because php is not installed')
if (mailx === undefined) console.log('skipped: mailx, because it is not installed')
if (!isRoot) console.log('skipped: another user’s sendmail, because these tests do not run as root')

describe('The real command', () => {
  it('is sendmail under that name', async () => {
    await using bench = await createSendmailBench()
    const input = 'Subject: Hi\n\nHello\n.\nnot this\n'
    const program = bench.program()
    expect(await bench.spawn(program, ['-F', 'Job', 'ada@example.com'], { input })).toEqual({
      code: 0,
      stdout: '',
      stderr: '',
    })
    const mail = await bench.last()
    expect(mail.recipients).toMatchObject([{ address: 'ada@example.com' }])
    expect(mail.raw).toMatch(/^Subject: Hi\r\nFrom: Job <alerts@contoso.com>\r\n/)
    expect(mail.raw).toMatch(/\r\n\r\nHello\r\n$/)
    expect((await bench.spawn(program, ['-bs'])).code).toBe(64)
  })

  it('ends at the dot of somebody who types, without an end of the input', async () => {
    await using bench = await createSendmailBench()
    const options = { input: 'Subject: Hi\n\nHello\n.\n', keepOpen: true }
    expect((await bench.spawn(bench.program(), ['ada@example.com'], options)).code).toBe(0)
    expect((await bench.last()).raw).toMatch(/Hello\r\n$/)
  })

  it('takes several messages at once, each whole', async () => {
    await using bench = await createSendmailBench()
    const program = bench.program()
    const text = 'x'.repeat(900)
    const ends = await Promise.all(
      Array.from({ length: 4 }, (_, i) =>
        bench.spawn(program, ['-i', 'ada@example.com'], {
          input: `Subject: ${i}\n\n${`${text}\n`.repeat(1000)}`,
        }),
      ),
    )
    expect(ends.map(({ code, stderr }) => [code, stderr])).toEqual(Array(4).fill([0, '']))
    const all = await bench.accepted()
    expect(all.map(({ message }) => message.subject).sort()).toEqual(['0', '1', '2', '3'])
    for (const { raw } of all) expect(raw.split(text)).toHaveLength(1001)
  })

  it.skipIf(php === undefined)('takes what PHP’s mail() hands over', async () => {
    await using bench = await createSendmailBench()
    const code = String.raw`exit(mail("ada@example.com", "Grüße", "Line 1\r\nLine 2\n.\nLine 4", "From: shop@example.com\r\nBcc: audit@example.com\r\nX-App: 1", "-fshop@example.com") ? 0 : 1);`
    const setting = `sendmail_path=${bench.program()} -t -i`
    const end = await bench.spawn(php ?? '', ['-d', setting, '-r', code])
    expect(end).toMatchObject({ code: 0, stderr: '' })
    const mail = await bench.last()
    expect(mail.recipients.map(({ address }) => address)).toEqual([
      'ada@example.com',
      'audit@example.com',
    ])
    const read = readMail(mail.raw)
    expect(read.subject).toBe('Grüße')
    expect(read.header('from')).toEqual(['Process Alerts <alerts@contoso.com>'])
    expect(read.header('reply-to')).toEqual(['shop@example.com'])
    expect(mail.raw).not.toMatch(/audit/)
    expect(mail.raw).toMatch(/\r\n\r\nLine 1\r\nLine 2\r\n\.\r\nLine 4\r\n$/)
  })

  it.skipIf(php === undefined)('tells PHP’s mail() when it was not accepted', async () => {
    await using bench = await createSendmailBench()
    const code = 'exit(mail("no address", "x", "y") ? 0 : 1);'
    const setting = `sendmail_path=${bench.program()} -t -i`
    const end = await bench.spawn(php ?? '', ['-d', setting, '-r', code])
    expect(end.code).toBe(1)
    expect(await bench.accepted()).toEqual([])
  })

  it.skipIf(mailx === undefined)('takes what mailx hands over', async () => {
    await using bench = await createSendmailBench()
    const rc = join(bench.folder, 'mailrc')
    writeFileSync(rc, `set sendmail=${bench.program()}\nset sendwait\n`)
    const env = { MAILRC: rc, HOME: bench.folder, USER: 'root', LOGNAME: 'root' }
    const args = ['-n', '-s', 'Grüße', '-b', 'audit@example.com', 'ada@example.com']
    const end = await bench.spawn(mailx ?? '', args, { input: 'Line 1\nschön\n', env })
    expect(end).toMatchObject({ code: 0 })
    await expect.poll(async () => (await bench.accepted()).length).toBe(1)
    const mail = await bench.last()
    expect(mail.recipients.map(({ address }) => address).sort()).toEqual([
      'ada@example.com',
      'audit@example.com',
    ])
    const read = readMail(mail.raw)
    expect(read.subject).toBe('Grüße')
    expect(read.header('from')[0]).toMatch(/<alerts@contoso.com>$/)
    expect(mail.raw).not.toMatch(/audit/)
    expect(Buffer.from(mail.raw, 'latin1').toString()).toMatch(/Line 1\r\nschön\r\n/)
  })
})

interface Taken {
  readonly sender: string
  readonly recipients: readonly string[]
  readonly login: string | null
  readonly raw: string
}

/** A relay that keeps what it is given, as one of another machine would. */
async function startRelay(refuse?: {
  rcpt?: Error
}): Promise<AsyncDisposable & { port: number; taken: Taken[] }> {
  const taken: Taken[] = []
  const server = new SMTPServer({
    authOptional: true,
    allowInsecureAuth: true,
    disabledCommands: ['STARTTLS'],
    disableReverseLookup: true,
    onAuth: ({ username, password }, _session, done) =>
      password === 'secret' ? done(null, { user: username }) : done(new Error('no')),
    onRcptTo: (_address, _session, done) => done(refuse?.rcpt ?? null),
    onData(stream, session, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.once('end', () => {
        const { mailFrom, rcptTo } = session.envelope
        taken.push({
          sender: mailFrom === false ? '' : mailFrom.address,
          recipients: rcptTo.map(({ address }) => address),
          login: session.user === undefined ? null : String(session.user),
          raw: Buffer.concat(chunks).toString('latin1'),
        })
        done()
      })
    },
  })
  server.on('error', () => {})
  const socket = server.listen(0, '127.0.0.1')
  await new Promise((resolve) => socket.once('listening', resolve))
  const address: AddressInfo | string | null = socket.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    port: address.port,
    taken,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  }
}

describe('Where the data folder cannot be opened', () => {
  const MAIL = 'From: root (Cron Daemon)\nTo: root\nBcc: secret@example.com\nSubject: x\n\nx\n'
  const env = (port: number, more: Record<string, string> = {}) => ({
    POSTERN_DATA_DIR: '/nonexistent',
    POSTERN_RELAY_PORT: String(port),
    ...more,
  })

  it('the message goes to the relay, with the login of the environment', async () => {
    await using bench = await createSendmailBench()
    await using relay = await startRelay()
    const plain = ['sendmail', '-f', 'job@example.com', 'ada@example.com']
    expect(await bench.run(plain, MAIL, env(relay.port))).toMatchObject({ code: 0, stderr: '' })
    const login = { POSTERN_SENDMAIL_USERNAME: 'cron', POSTERN_SENDMAIL_PASSWORD: 'secret' }
    expect(
      (
        await bench.run(
          ['sendmail', '-ti', 'b@example.com'],
          `To: c@example.com\n\nhi`,
          env(relay.port, login),
        )
      ).code,
    ).toBe(0)
    expect(relay.taken).toMatchObject([
      { sender: 'job@example.com', recipients: ['ada@example.com'], login: null },
      { recipients: ['b@example.com', 'c@example.com'], login: 'cron' },
    ])
    expect(relay.taken[1]?.sender).toMatch(/^.+@.+$/)
    expect(relay.taken[0]?.raw).toMatch(/^From: root \(Cron Daemon\)\r\n/)
    expect(relay.taken[0]?.raw).not.toMatch(/^bcc|secret@/im)
    expect(relay.taken[0]?.raw).toMatch(/\r\nDate: .*\r\nMessage-ID: <.*\r\n\r\nx\r\n$/)
    expect(await bench.accepted()).toEqual([])
  })

  it('the end tells what the relay said, and why the folder was not used', async () => {
    await using bench = await createSendmailBench()
    const ends: (readonly [number | null, string])[] = []
    const run = async (port: number, more: Record<string, string> = {}) => {
      const { code, stderr } = await bench.run(['sendmail', 'a@example.com'], MAIL, env(port, more))
      expect(stderr.split('\n')).toHaveLength(2)
      ends.push([code, stderr])
    }
    const answers = [
      Object.assign(new Error('5.1.1 nobody here'), { responseCode: 550 }),
      Object.assign(new Error('4.3.1 disk full'), { responseCode: 452 }),
    ]
    for (const rcpt of answers) {
      await using relay = await startRelay({ rcpt })
      await run(relay.port)
    }
    await using relay = await startRelay()
    await run(relay.port, { POSTERN_SENDMAIL_USERNAME: 'cron', POSTERN_SENDMAIL_PASSWORD: 'wrong' })
    const { port } = relay
    await relay[Symbol.asyncDispose]()
    await run(port)
    expect(ends.map(([code]) => code)).toEqual([67, 75, 77, 75])
    expect(ends[0]?.[1]).toMatch(/550 5\.1\.1 nobody here.*no Postern database in \/nonexistent/)
    expect(ends[2]?.[1]).not.toContain('wrong')
    const local = await bench.run(['sendmail', 'root'], MAIL, env(port))
    expect(local.code).toBe(67)
  })

  it.skipIf(!isRoot)('another user’s mail goes to the relay', async () => {
    await using bench = await createSendmailBench()
    await using relay = await startRelay()
    const program = bench.program()
    chmodSync(bench.folder, 0o755)
    const NOBODY = 65_534
    const end = await bench.spawn(program, ['-i', 'ada@example.com'], {
      input: MAIL,
      uid: NOBODY,
      env: { POSTERN_RELAY_PORT: String(relay.port) },
    })
    expect(end).toEqual({ code: 0, stdout: '', stderr: '' })
    expect(relay.taken.map(({ recipients }) => recipients)).toEqual([['ada@example.com']])
  })
})
