import * as base64 from 'nodemailer/lib/base64'
import MailComposer from 'nodemailer/lib/mail-composer'
import * as qp from 'nodemailer/lib/qp'
import { expect, it } from 'vitest'
import { renderMime } from '../../../src/outbox/compose/render-mime.ts'

const common = {
  from: { name: 'Ä', address: 'a@example.com' },
  to: [{ name: '', address: 'b@example.com' }],
  subject: 'Grüße',
  messageId: '<1@example.com>',
  date: 'Mon, 23 Nov 2026 10:00:00 +0000',
  newline: 'win',
}
const attachment = (content: Buffer, more: object = {}) => ({
  filename: 'größe.bin',
  content,
  contentTransferEncoding: 'base64' as const,
  ...more,
})
const BYTES = Buffer.from(Array.from({ length: 1000 }, (_, i) => (i * 7) % 256))
const LONG = 'word = ü '.repeat(200)

it.each([
  ['nothing', {}],
  ['an empty text', { text: '' }],
  ['a plain text', { text: 'Hello\n\nworld \n.\n' }],
  ['a text without a line end', { text: 'Hello' }],
  ['a long text', { text: LONG }],
  ['a text in other letters', { text: 'Привет\n'.repeat(50) }],
  ['a long plain line', { text: 'x'.repeat(3000) }],
  ['two forms', { text: 'Hi\n', html: `<p>${LONG}</p>` }],
  ['an attachment alone', { attachments: [attachment(BYTES)] }],
  ['an empty attachment', { text: 'Hi', attachments: [attachment(Buffer.alloc(0))] }],
  [
    'everything',
    {
      text: LONG,
      html: '<img src="cid:logo">',
      attachments: [attachment(BYTES), attachment(BYTES, { cid: 'logo' }), attachment(BYTES)],
    },
  ],
])('renders %s as nodemailer does', async (_title, parts) => {
  const node = new MailComposer({ ...common, ...parts }).compile()
  const expected = await node.build()
  expect(renderMime(node, { base64, qp }).toString('latin1')).toBe(expected.toString('latin1'))
})
