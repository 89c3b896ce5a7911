import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { createOutboxStore } from '../../../src/outbox/store/create-store.ts'
import { readMail } from '../../support/mail.ts'
import { diagnosisOf } from '../alerts/alerts-bench.ts'
import { createSendmailBench, type SendmailBench } from './sendmail-bench.ts'

const TO = ['--to', 'ada@example.com']

describe('postern send', () => {
  it('accepts a message with everything that the profile adds', async () => {
    await using bench = await createSendmailBench()
    const file = join(bench.folder, 'report.csv')
    writeFileSync(file, 'a;b\n')
    const args = [...TO, '--to', 'Bob <bob@example.com>', '--cc', 'c@example.com']
    const more = ['--bcc', 'secret@example.com', '--subject', 'Grüße', '--attach', file]
    const end = await bench.run(['send', ...args, ...more], 'Hello\n')
    const mail = await bench.last()
    expect(end).toEqual({
      code: 0,
      stdout: `Message ${mail.message.id} is accepted and will be delivered.\n`,
      stderr: '',
    })
    expect(mail.recipients.map(({ address }) => address)).toEqual([
      'ada@example.com',
      'bob@example.com',
      'c@example.com',
      'secret@example.com',
    ])
    const read = readMail(mail.raw)
    expect(read.subject).toBe('[Process] Grüße')
    expect(read.text).toMatch(/^Hello/)
    expect(mail.raw).toMatch(/filename=report\.csv/)
    expect(mail.raw).not.toMatch(/secret/)
  })

  it('takes the texts from options, and prints JSON', async () => {
    await using bench = await createSendmailBench()
    const html = join(bench.folder, 'mail.html')
    writeFileSync(html, '<p>Hi</p>')
    const args = [...TO, '--profile', 'default', '--text', 'Hi', '--html', html, '--json']
    const { stdout } = await bench.run(['send', ...args], 'not this')
    const mail = await bench.last()
    expect(JSON.parse(stdout)).toMatchObject({
      id: mail.message.id,
      profile: 'default',
      state: 'queued',
      messageId: `<${mail.message.id}@contoso.com>`,
    })
    const read = readMail(mail.raw)
    expect([read.text.trim(), read.html.trim()]).toEqual(['Hi', '<p>Hi</p>'])
  })

  it.each([
    [[], 2, /no recipient/],
    [['--to', 'ada'], 2, /^postern: --to “ada” has no @/],
    [[...TO, '--to', 'bob'], 2, /^postern: --to \(number 2\) “bob” has no @/],
    [['--to', 'u@a\u202eb.com'], 2, /^postern: --to “u@a\[U\+202E\]b\.com” has no valid domain/],
    [[...TO, '--profile', 'a\x1b]0;x\x07\u202eb'], 1, /“a\?\]0;x\?\?b”/],
    [[...TO, 'a\x1b[31m'], 2, /a\?\[31m/],
    [[...TO, '--wait', '0'], 2, /1 to 3600/],
    [[...TO, '--wait', 'soon'], 2, /1 to 3600/],
    [[...TO, '--attach', '/nonexistent'], 2, /\/nonexistent cannot be read/],
    [[...TO, '--profile', 'none'], 1, /no profile “none”/],
    [[...TO, 'ada'], 2, /positional|too many/i],
  ])('refuses %j', async (args, code, sentence) => {
    await using bench = await createSendmailBench()
    const end = await bench.run(['send', ...args], 'x')
    expect(end.stderr).toMatch(sentence)
    expect([end.code, end.stdout]).toEqual([code, ''])
    expect(await bench.accepted()).toEqual([])
  })

  it('waits until the agent has an outcome, and fails with the message', async () => {
    await using bench = await createSendmailBench()
    const diagnosis = diagnosisOf('recipient_unknown')
    const waiting = bench.run(['send', ...TO, '--wait', '30'], 'x')
    await bench.rig.clock.untilSleeping()
    await settle(bench, diagnosis)
    await bench.rig.clock.advance(500)
    const end = await waiting
    expect(end.code).toBe(1)
    expect(end.stdout).toContain(`has failed. ${diagnosis.summary} ${diagnosis.remedy}`)
  })

  it('ends with 0 when the message still waits', async () => {
    await using bench = await createSendmailBench()
    const waiting = bench.run(['send', ...TO, '--wait', '1', '--json'], 'x')
    for (let i = 0; i < 2; i++) {
      await bench.rig.clock.untilSleeping()
      await bench.rig.clock.advance(500)
    }
    const end = await waiting
    expect(end.code).toBe(0)
    expect(JSON.parse(end.stdout)).toMatchObject({ state: 'queued' })
  })
})

/** What the agent would do: one try, refused for good. */
async function settle(bench: SendmailBench, diagnosis: ReturnType<typeof diagnosisOf>) {
  await using store = await createOutboxStore({ db: bench.rig.storage.db, role: 'companion' })
  const [claimed] = await store.claim({ profileIds: ['default'], limit: 1 })
  const at = bench.rig.clock.now()
  await store.settle({
    messageId: claimed?.message.id ?? '',
    attempt: {
      number: 1,
      startedAt: at,
      finishedAt: at,
      outcome: 'failed',
      server: 'smtp.office365.com:587',
      recipients: 1,
      reply: '550 5.1.1',
      diagnosis,
    },
    recipients: [{ index: 0, state: 'failed', reply: '550 5.1.1', diagnosisCode: diagnosis.code }],
    next: { state: 'failed' },
    serverMessageId: null,
    accounted: null,
  })
}
