/** RFC 2047 §2: an encoded word has at most 75 characters, so 45 bytes in base64 with `=?UTF-8?B?…?=`. */
const MOST_BYTES = 45

/** Text for an unstructured field or a display name: as it is when it is ASCII, else as encoded words. */
export function encodeText(text: string): string {
  return isAscii(text) ? text : encodedWords(text)
}

/** A display name as a phrase (RFC 5322 §3.2.5). */
export function encodePhrase(name: string): string {
  return isAscii(name) ? `"${name.replace(/["\\]/g, '\\$&')}"` : encodedWords(name)
}

function isAscii(text: string): boolean {
  return /^[\x20-\x7e]*$/.test(text)
}

/** Never cuts a character in two (RFC 2047 §5). */
function encodedWords(text: string): string {
  const words: string[] = []
  let part = ''
  const finish = () => {
    words.push(`=?UTF-8?B?${Buffer.from(part).toString('base64')}?=`)
    part = ''
  }
  for (const character of text) {
    if (Buffer.byteLength(part + character) > MOST_BYTES) finish()
    part += character
  }
  finish()
  return words.join('\r\n ')
}

const ENCODED_WORD = /=\?([^?\s*]{1,40})(?:\*[^?\s]*)?\?([bq])\?([^?\s]*)\?=/gi

/** A value as people read it (RFC 2047). What cannot be decoded stays as it is. */
export function readable(text: string): string {
  if (!text.includes('=?')) return text
  return text
    .replace(/(\?=)\s+(?==\?)/g, '$1')
    .replace(ENCODED_WORD, (word, charset: string, encoding: string, content: string) => {
      const bytes = encoding.toLowerCase() === 'b' ? Buffer.from(content, 'base64') : fromQ(content)
      try {
        return new TextDecoder(charset).decode(bytes)
      } catch {
        return word
      }
    })
}

/** RFC 2047 §4.2. */
function fromQ(content: string): Buffer {
  const latin1 = content
    .replaceAll('_', ' ')
    .replace(/=([0-9A-F]{2})/gi, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
  return Buffer.from(latin1, 'latin1')
}
