import { describe, expect, test } from 'vitest'
import { PosternError } from '../../../src/platform/errors.ts'
import { composeMessage } from '../../../src/smtp/index.ts'
import { MAIL } from './fixtures.ts'

describe('a composed message', () => {
  test('has its sender, id, date and subject, and says nothing of the program that made it', async () => {
    const data = (await composeMessage(MAIL)).toString()
    expect(data).toContain('From: Process Alerts <alerts@contoso.com>\r\n')
    expect(data).toContain('Message-ID: <m1@contoso.com>\r\n')
    expect(data).toContain('Date: Mon, 23 Nov 2026 10:00:00 +0000\r\n')
    expect(data).toMatch(/Subject: =\?UTF-8\?Q\?Gr=C3=BC=C3=9Fe\?=\r\n/)
    expect(data).not.toMatch(/x-mailer/i)
  })

  test('has CR LF on every line, so that the probe can send it', async () => {
    const data = (
      await composeMessage({ ...MAIL, text: 'a\nb\n.c', headers: { 'X-Postern': 'test' } })
    ).toString()
    expect(data.replaceAll('\r\n', '')).not.toMatch(/[\r\n]/)
    expect(data).toContain('X-Postern: test\r\n')
    expect(data).toContain('To: it@contoso.com\r\n')
    expect(data).not.toMatch(/^Bcc:/im)
  })

  test('gets a message id of the sender’s domain when it has none', async () => {
    const data = await composeMessage({ ...MAIL, messageId: undefined })
    expect(data.toString()).toMatch(/Message-ID: <[0-9a-f-]{36}@contoso\.com>\r\n/)
  })

  test.each([
    ['subject', { subject: 'x\r\nBcc: thief@evil.example' }],
    ['sender name', { from: { name: 'x\r\nBcc: thief@evil.example', address: 'a@b.example' } }],
    ['sender', { from: { name: '', address: 'a@b.example, c@d.example' } }],
    ['recipient', { to: ['it@contoso.com\r\nBcc: thief@evil.example'] }],
    ['header value', { headers: { 'X-A': 'x\r\nBcc: thief@evil.example' } }],
    ['header name', { headers: { 'X-A: 1\r\nBcc': 'thief@evil.example' } }],
    ['reply address', { replyTo: 'a@b.example\r\nBcc: thief@evil.example' }],
    ['message id', { messageId: '<x>\r\nBcc: thief@evil.example' }],
  ])('refuses an attack in the %s', async (_field, change) => {
    const compose = async () => composeMessage({ ...MAIL, ...change })
    await expect(compose()).rejects.toBeInstanceOf(PosternError)
  })
})
