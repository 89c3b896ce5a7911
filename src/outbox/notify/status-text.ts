/** The text of RFC 3464 is ASCII, and its fields are folded as those of a mail (RFC 3464 §2.1.1). */

const LONGEST_LINE = 900
const MOST_LINES = 20

export function isAscii(text: string): boolean {
  return /^\p{ASCII}*$/u.test(text)
}

/** Foreign words as the value of a field: nothing in them can begin another field. Their line ends are folds. */
export function statusText(text: string): string {
  const lines = text
    .split(/[\r\n]+/)
    .map((line) => line.replace(/[^\x20-\x7e]/g, '?').trim())
    .filter((line) => line !== '')
    .flatMap(pieces)
  return lines.slice(0, MOST_LINES).join('\r\n ')
}

/** RFC 5322 §2.1.1: a line holds at most 998 characters. */
function pieces(line: string): string[] {
  return line.match(new RegExp(`.{1,${LONGEST_LINE}}`, 'g')) ?? []
}

/**
 * RFC 3461 §4: `+XX` is the character with that hexadecimal number. What would be no plain text afterwards (a line
 * break, say, which could begin a field) stays as it was given.
 */
export function readableXtext(given: string | null): string | null {
  if (given === null) return null
  const decoded = given.replace(/\+([0-9A-F]{2})/g, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  const isPlain = /^[\x20-\x7e]+$/.test(decoded)
  const readable = isPlain ? decoded : statusText(given)
  return readable.trim() === '' ? null : statusText(readable)
}

/** RFC 6533 §3, utf-8-addr-xtext: `\x{5DC}` for what is not ASCII, and for the characters with a meaning. */
export function utf8Address(address: string): string {
  return [...address]
    .map((character) => {
      const isPlain = /^[\x21-\x7e]$/.test(character) && !'\\+='.includes(character)
      const hex = (character.codePointAt(0) ?? 0).toString(16).toUpperCase()
      return isPlain ? character : `\\x{${hex.length < 2 ? `0${hex}` : hex}}`
    })
    .join('')
}

const LONGEST_WORD_BYTES = 42

/** RFC 2047 §2: a header text that is not ASCII, in encoded words of at most 75 characters, one a line. */
export function encodedWords(text: string): string {
  if (/^[\x20-\x7e]*$/.test(text) && text.length < LONGEST_LINE && !text.includes('=?')) return text
  const words: string[] = []
  let word = ''
  for (const character of text) {
    if (Buffer.byteLength(word + character) > LONGEST_WORD_BYTES) {
      words.push(word)
      word = ''
    }
    word += character
  }
  words.push(word)
  return words.map((each) => `=?utf-8?B?${Buffer.from(each).toString('base64')}?=`).join('\r\n ')
}
