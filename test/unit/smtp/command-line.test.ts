import { describe, expect, test } from 'vitest'
import { PosternError } from '../../../src/platform/errors.ts'
import {
  assertHeaderValue,
  assertUsername,
  toParameter,
  toPath,
  toReversePath,
  toWire,
} from '../../../src/smtp/command-line.ts'
import { dotStuffed } from '../../../src/smtp/dot-stuffing.ts'
import { headerValue } from '../../../src/smtp/receipt.ts'

describe('an attacker', () => {
  test.each(['\r\nRCPT TO:<thief@evil.example>', '\n', '\r', '\0'])(
    'cannot end a command with %j',
    (attack) => {
      expect(() => toWire(`MAIL FROM:<a@b.example>${attack}`)).toThrow(PosternError)
    },
  )

  test.each([
    'a@b.example>\r\nRCPT TO:<thief@evil.example',
    'a@b.example> RET=FULL',
    '<a@b.example>',
    'a b@c.example',
    'a@b.example\u0000',
    'nobody',
    '@b.example',
    'a@',
    '',
    'a b@[192.0.2.1]',
    '"a> RET=FULL"@b.example',
    '"a"b" c"@d.example',
    'a@[192.0.2.1] RET=FULL',
    'a@b.example\u3000c',
    'a@%62.example',
    'a\ud800@b.example',
  ])('cannot put %j in a path', (address) => {
    expect(() => toPath(address)).toThrow(PosternError)
  })

  test.each(['a\0b', 'a\u0001auth=Bearer x', 'a\r\nQUIT', ''])(
    'cannot hide a second field in the user name %j',
    (username) => {
      expect(() => assertUsername(username)).toThrow(PosternError)
    },
  )

  test('cannot add a header', () => {
    expect(() => assertHeaderValue('Subject', 'x\r\nBcc: thief@evil.example')).toThrow(PosternError)
  })

  test.each(['a\nb\r\n', 'a\rb\r\n', '\n', 'a\r\n.\n', 'a\r'])(
    'cannot smuggle a bare CR or LF in %j',
    (data) => {
      expect(() => dotStuffed(Buffer.from(data))).toThrow(PosternError)
    },
  )
})

test('a domain goes over the wire in ASCII unless the command carries SMTPUTF8', () => {
  expect(toPath('info@bücher.example')).toBe('<info@xn--bcher-kva.example>')
  expect(toPath('info@bücher.example', { utf8: true })).toBe('<info@bücher.example>')
})

test.each([
  'Info@Contoso.COM',
  'a@[192.0.2.1]',
  'a@[IPv6:2001:db8::1]',
  '"a b"@c.example',
  '"a\\"b@c"@d.example',
  '=?x?=/+{a}@b_c.example',
])('%s goes over the wire as it is', (address) => {
  expect(toPath(address)).toBe(`<${address}>`)
})

test('the empty address is the null sender, and nobody’s recipient', () => {
  expect(toReversePath('', { utf8: false })).toBe('<>')
  expect(() => toReversePath('>', { utf8: false })).toThrow(PosternError)
})

test.each(['', 'a b', 'a\r\nQUIT', 'a\tb', 'ü'])('a parameter cannot be %j', (value) => {
  expect(() => toParameter('ENVID', value, { utf8: false })).toThrow(PosternError)
})

test('leading dots are doubled and the message ends with the lone dot', () => {
  const stuffed = (text: string) => dotStuffed(Buffer.from(text)).toString()
  expect(stuffed('.a\r\nb.\r\n..\r\n')).toBe('..a\r\nb.\r\n...\r\n.\r\n')
  expect(stuffed('no end')).toBe('no end\r\n.\r\n')
  expect(stuffed('')).toBe('.\r\n')
})

test('a folded header is read as one line', () => {
  const data = Buffer.from('Subject: a\r\nMessage-ID:\r\n <1@x>\r\n\r\nMessage-ID: <no>\r\n')
  expect(headerValue(data, 'message-id')).toBe('<1@x>')
  expect(headerValue(data, 'date')).toBeUndefined()
})
