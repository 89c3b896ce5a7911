import type { YAMLParseError, YAMLWarning } from 'yaml'

/** The parser's own messages can quote the text, and the text can hold a secret: these quote nothing. */
const SENTENCES: Readonly<Record<string, string>> = {
  BAD_ALIAS: 'This alias names an anchor that does not stand before it.',
  BAD_DQ_ESCAPE: 'A backslash in double quotes starts an unknown escape: use single quotes.',
  BAD_INDENT: 'The indentation does not fit: entries of one object start in the same column.',
  BAD_SCALAR_START: 'A text cannot start with this character: put it in quotes.',
  BLOCK_AS_IMPLICIT_KEY:
    'A second colon stands on this line: put the text in quotes, or start a new line.',
  BLOCK_IN_FLOW: 'Inside { } or [ ] everything must be written with commas.',
  DUPLICATE_KEY: 'This key stands here twice: remove one.',
  MISSING_CHAR: 'A closing quote, bracket, comma or colon is missing here.',
  MULTILINE_IMPLICIT_KEY: 'A colon is missing, or a text spans lines without quotes.',
  MULTIPLE_DOCS: 'A second document starts here: the file must hold one (no --- in between).',
  TAB_AS_INDENT: 'A tab stands where blanks must stand.',
  TAG_RESOLVE_FAILED: 'This tag (!…) is not known: remove it.',
  UNEXPECTED_TOKEN: 'This does not belong here.',
}

export function yamlSentence(error: YAMLParseError | YAMLWarning): string {
  return `The YAML cannot be read: ${SENTENCES[error.code] ?? `it breaks a rule here (${error.code}).`}`
}
