import type { Findings } from '../../profiles/index.ts'
import type { AttachmentInput } from '../api.ts'
import { isOneLine } from './addresses.ts'

/** As nodemailer takes it: bytes only, never a path or an address to fetch. */
export interface Attachment {
  readonly filename?: string
  readonly contentType?: string
  readonly content: Buffer
  readonly cid?: string
  readonly contentDisposition: 'attachment' | 'inline'
  readonly contentTransferEncoding: 'base64'
}

const TOKEN = "[A-Za-z0-9!#$&^_.+'*%~-]+"
/** RFC 2045 §5.1. */
const CONTENT_TYPE = new RegExp(
  `^${TOKEN}/${TOKEN}(\\s*;\\s*${TOKEN}=(${TOKEN}|"[\\x20\\x21\\x23-\\x5b\\x5d-\\x7e]*"))*$`,
)
const LONGEST_TYPE = 255
/** RFC 2045 §6.4: these cannot be sent in base64. */
const NESTED = /^(message|multipart)\//i
const CONTENT_ID = /^[A-Za-z0-9!#$%&'*+/=?^_`{|}~.@-]{1,200}$/
const NOT_BASE64 = /[^A-Za-z0-9+/=\s]/

export function readAttachments(
  inputs: readonly AttachmentInput[] | undefined,
  findings: Findings,
): readonly Attachment[] {
  return (inputs ?? []).flatMap((input, index) => {
    const field = `attachments[${index}]`
    const content = readContent(input.content, `${field}.content`, findings)
    checkNames(input, field, findings)
    if (content === undefined) return []
    const { filename, contentType, contentId } = input
    return [
      {
        ...(filename !== undefined && { filename }),
        ...(contentType !== undefined && { contentType }),
        ...(contentId !== undefined && { cid: contentId }),
        content,
        contentDisposition:
          input.disposition ?? (contentId === undefined ? 'attachment' : 'inline'),
        contentTransferEncoding: 'base64',
      },
    ]
  })
}

function readContent(text: string, field: string, findings: Findings): Buffer | undefined {
  if (isBase64(text)) return Buffer.from(text, 'base64')
  findings.problem(field, `${field} is not base64: encode the bytes of the file.`)
  return undefined
}

/** Node itself skips what is not base64. Each step reads the text once: it can have 50 million characters. */
function isBase64(text: string): boolean {
  if (NOT_BASE64.test(text)) return false
  const compact = /\s/.test(text) ? text.replaceAll(/\s/g, '') : text
  const end = compact.indexOf('=')
  const padding = end === -1 ? 0 : compact.length - end
  // RFC 4648 §4. Some programs leave the padding out.
  return end === -1
    ? compact.length % 4 !== 1
    : padding <= 2 && compact.endsWith('='.repeat(padding)) && compact.length % 4 === 0
}

function checkNames(input: AttachmentInput, field: string, findings: Findings): void {
  const { filename, contentType, contentId } = input
  if (filename !== undefined && !isOneLine(filename)) {
    findings.problem(
      `${field}.filename`,
      `${field}.filename has a line break or another control character: write it on one line.`,
    )
  }
  if (contentType !== undefined && NESTED.test(contentType)) {
    findings.problem(
      `${field}.contentType`,
      `${field}.contentType cannot be a message or multipart type: attach it as application/octet-stream with its filename.`,
    )
  } else if (
    contentType !== undefined &&
    (contentType.length > LONGEST_TYPE || !CONTENT_TYPE.test(contentType))
  ) {
    findings.problem(
      `${field}.contentType`,
      `${field}.contentType must be a media type such as application/pdf.`,
    )
  }
  if (contentId !== undefined && !CONTENT_ID.test(contentId)) {
    findings.problem(
      `${field}.contentId`,
      `${field}.contentId must be a short name such as logo, without blanks and angle brackets.`,
    )
  }
}
