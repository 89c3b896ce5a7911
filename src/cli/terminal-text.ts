/** Control characters, line separators, and marks that turn the direction of text round (Unicode UAX #9 §2). */
const HIDDEN = /[\p{Cc}\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** Foreign text on one line of a terminal: nothing in it can move the cursor, change colours or hide what follows. */
export function terminalText(text: string): string {
  return text.replaceAll(/\r?\n/g, ' ').replaceAll(HIDDEN, '?')
}
