import { describe, expect, it } from 'vitest'
import { runCli } from '../../src/cli/index.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { startAgent } from '../support/agent.ts'
import { readMail } from '../support/mail.ts'

const TO = 'ada@example.com'

async function command(argv: readonly string[], input: string, env: Record<string, string>) {
  const out: string[] = []
  const err: string[] = []
  const code = await runCli(argv, {
    env,
    stdin: async function* () {
      yield Buffer.from(input)
    },
    stdout: { write: (text) => out.push(text) },
    stderr: { write: (text) => err.push(text) },
    clock: systemClock,
    signal: new AbortController().signal,
  })
  return { code, stdout: out.join(''), stderr: err.join('') }
}

describe('Sending through the whole agent', () => {
  it('delivers what the API and the commands hand in, each once', async () => {
    await using running = await startAgent()
    const { call, tenant, dataDir } = running
    expect((await call('POST', 'profiles', running.profile())).status).toBe(201)

    const posted = await call('POST', 'messages?wait=30s', {
      to: TO,
      bcc: 'audit@example.com',
      subject: 'from the API',
      text: 'Grüße',
    })
    expect([posted.status, posted.body.state]).toEqual([200, 'delivered'])
    expect(posted.body.reply).toMatch(/^250 /)

    const env = { POSTERN_DATA_DIR: dataDir, POSTERN_RELAY_PORT: '0' }
    const cron = 'From: root (Cron Daemon)\nTo: root\nSubject: from cron\n\nHello\n'
    expect(await command(['sendmail', '-i', TO], cron, env)).toMatchObject({ code: 0, stderr: '' })
    const args = ['send', '--to', TO, '--subject', 'from the shell', '--wait', '30']
    const sent = await command(args, 'Hello\n', env)
    expect(sent).toMatchObject({ code: 0, stderr: '' })
    expect(sent.stdout).toMatch(/is delivered: 250 /)
    await expect.poll(() => tenant.tenant.inbox.list().length).toBe(3)

    const mails = tenant.tenant.inbox
      .list()
      .map(({ raw, envelope }) => ({ ...readMail(raw), recipients: envelope.to }))
    expect(mails.map(({ subject }) => subject).sort()).toEqual([
      '[Process] from the API',
      '[Process] from the shell',
      'from cron',
    ])
    expect(mails.find(({ subject }) => subject.includes('API'))?.recipients).toEqual([
      TO,
      'audit@example.com',
    ])
    for (const { raw } of mails) expect(raw).not.toMatch(/audit/)
  })
})
