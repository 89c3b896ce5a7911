import { quotePowerShell } from '../../diagnosis/index.ts'

/** Printable ASCII; Windows PowerShell reads a file without a byte order mark in the code page of the machine. */
const ASCII_RUN = /[\x20-\x7e]+|[^\x20-\x7e]/gu
/** Line ends and other control characters have no place in a name or address. */
const CONTROL = /[\p{Cc}\u2028\u2029]+/gu

/**
 * A PowerShell expression for the text that no text can leave, in plain ASCII: runs in single quotes, every other
 * character by its number.
 */
export function powerShellText(text: string): string {
  const parts = text.replace(CONTROL, ' ').match(ASCII_RUN) ?? []
  const plain = parts.every((part) => /^[\x20-\x7e]/.test(part))
  if (plain) return quotePowerShell(parts.join(''))
  const pieces = parts.map((part) =>
    /^[\x20-\x7e]/.test(part) ? quotePowerShell(part) : charactersOf(part),
  )
  return `('' + ${pieces.join(' + ')})`
}

/** One for each UTF-16 unit, which is what a [char] holds. */
function charactersOf(part: string): string {
  return Array.from({ length: part.length }, (_, index) => {
    const unit = part.charCodeAt(index).toString(16).padStart(4, '0')
    return `[char]0x${unit}`
  }).join(' + ')
}
