import type MailComposer from 'nodemailer/lib/mail-composer'

type MimeNode = ReturnType<MailComposer['compile']>

/** Encoders of nodemailer. */
export interface Encoders {
  readonly base64: { encode(content: Buffer | string): string; wrap(text: string): string }
  readonly qp: { encode(content: Buffer | string): string; wrap(text: string): string }
}

/**
 * The bytes that `node.build()` gives, without its streams: they cost a small message most of its time. Only for texts
 * and buffers.
 */
export function renderMime(node: MimeNode, encoders: Encoders): Buffer {
  const parts: string[] = []
  render(node, encoders, parts)
  const text = parts.join('')
  return Buffer.from((text.endsWith('\n') ? text : `${text}\r\n`).replaceAll(/\r?\n/g, '\r\n'))
}

function render(node: MimeNode, encoders: Encoders, parts: string[]): void {
  const encoding = node.getTransferEncoding()
  parts.push(node.buildHeaders(), '\r\n\r\n')
  const { content } = node
  if (typeof content === 'string' || Buffer.isBuffer(content)) {
    parts.push(encoded(content, encoding, encoders))
  }
  if (!node.multipart) return
  for (const [index, child] of node.childNodes.entries()) {
    parts.push(index === 0 ? '' : '\r\n', `--${node.boundary}\r\n`)
    render(child, encoders, parts)
  }
  parts.push(`\r\n--${node.boundary}--\r\n`)
}

function encoded(
  content: Buffer | string,
  encoding: string | false,
  { base64, qp }: Encoders,
): string {
  if (encoding === 'base64') return base64.wrap(base64.encode(content))
  if (encoding === 'quoted-printable') return qp.wrap(qp.encode(content))
  return content.toString()
}
