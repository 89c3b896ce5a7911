import { expect, test } from 'vitest'
import { optionSentence } from '../../../src/cli/option-words.ts'
import { renderTable } from '../../../src/cli/table.ts'
import { terminalText } from '../../../src/cli/terminal-text.ts'

const text = { type: 'string', description: '' } as const
const OPTIONS = { profile: text, 'allowed-from': text, to: text, attach: text, address: text }

test.each([
  ['profileId', 'There is no profile “x”.', '--profile: There is no profile “x”.'],
  ['profileId', 'profileId is empty.', '--profile is empty.'],
  ['allowedFrom.0', 'allowedFrom.0 is no address.', '--allowed-from is no address.'],
  ['allowedFrom[2]', 'allowedFrom[2] is no address.', '--allowed-from (number 3) is no address.'],
  ['to[0]', 'to[0] has no @.', '--to has no @.'],
  ['to', 'The message has no recipient.', '--to: The message has no recipient.'],
  ['attachments[1].filename', 'attachments[1].filename is long.', '--attach (number 2) is long.'],
  ['addresses.0', 'addresses.0 is no network.', '--address is no network.'],
  ['authentication.type', 'is unknown.', 'authentication.type is unknown.'],
  ['POSTERN_HTTP_PORT', 'POSTERN_HTTP_PORT is wrong.', 'POSTERN_HTTP_PORT is wrong.'],
  ['', 'And 3 more.', 'And 3 more.'],
])('the problem of %j is told in words of the command line', (field, message, sentence) => {
  expect(optionSentence({ field, message }, OPTIONS)).toBe(sentence)
})

test('foreign text cannot steer a terminal, alone or in a table', () => {
  const evil = 'a\x1b[31m\x9bb\u202ec\u2066d\ne\u2028f'
  expect(terminalText(evil)).toBe('a?[31m?b?c?d e?f')
  expect(renderTable(['A'], [[evil]])).toBe('A\na?[31m?b?c?d e?f\n')
  expect(terminalText('Grüße “ada” 🙂')).toBe('Grüße “ada” 🙂')
})
