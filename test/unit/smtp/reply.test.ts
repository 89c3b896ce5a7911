import { expect, test } from 'vitest'
import { DialError } from '../../../src/platform/dial.ts'
import { createReplyParser, REPLY_LIMITS } from '../../../src/smtp/reply.ts'

function parse(...chunks: (string | Buffer)[]) {
  const parser = createReplyParser()
  for (const chunk of chunks) parser.push(Buffer.from(chunk))
  return parser
}

test('a reply is whole only when its last line came, however the bytes are cut', () => {
  const parser = parse('250-mx.example Hel')
  expect(parser.next()).toBeUndefined()
  parser.push(Buffer.from('lo\r\n250-SIZE 1000\r'))
  expect(parser.next()).toBeUndefined()
  parser.push(Buffer.from('\n250 SMTPUTF8\r\n'))
  expect(parser.next()).toEqual({
    code: 250,
    enhancedCode: null,
    lines: ['mx.example Hello', 'SIZE 1000', 'SMTPUTF8'],
    text: '250-mx.example Hello\n250-SIZE 1000\n250 SMTPUTF8',
  })
  expect(parser.pendingBytes).toBe(0)
})

test('the enhanced status code is read from the beginning of the text', () => {
  expect(parse('535 5.7.139 Authentication unsuccessful\r\n').next()?.enhancedCode).toBe('5.7.139')
  expect(parse('250 mx 2.0.0 ready\r\n').next()?.enhancedCode).toBeNull()
})

test('a code alone, a missing text and bare LF are accepted', () => {
  expect(parse('250\r\n').next()?.code).toBe(250)
  expect(parse('334 \r\n').next()?.lines).toEqual([''])
  expect(parse('220 hi\n').next()?.text).toBe('220 hi')
})

test('a character cut in two by the network is put together again', () => {
  const bytes = Buffer.from('550 Empfänger unbekannt\r\n')
  const parser = parse(bytes.subarray(0, 9), bytes.subarray(9))
  expect(parser.next()?.text).toBe('550 Empfänger unbekannt')
})

test('control characters cannot reach a terminal', () => {
  expect(parse('220 \u001b[31mred\u0000\r\n').next()?.text).toBe('220 ?[31mred?')
})

test.each([
  ['a line without code', 'hello there\r\n', 'REPLY_MALFORMED'],
  ['an HTTP answer', 'HTTP/1.1 400 Bad Request\r\n', 'REPLY_MALFORMED'],
  ['a code without separator', '2500 x\r\n', 'REPLY_MALFORMED'],
  ['different codes in one reply', '250-a\r\n550 b\r\n', 'REPLY_MALFORMED'],
  ['an endless line', 'x'.repeat(REPLY_LIMITS.lineBytes + 1), 'REPLY_TOO_LONG'],
  ['too many lines', '250-x\r\n'.repeat(REPLY_LIMITS.lines + 1), 'REPLY_TOO_LONG'],
  ['too many bytes', `250-${'x'.repeat(8_000)}\r\n`.repeat(9), 'REPLY_TOO_LONG'],
])('%s is a protocol failure', (_title, text, code) => {
  const error = catchError(() => parse(text))
  expect(error).toBeInstanceOf(DialError)
  expect(error).toMatchObject({ phase: 'protocol', code })
})

test('bytes that belong to no reply yet are counted', () => {
  const parser = parse('220 ready\r\n250-x\r\n25')
  parser.next()
  expect(parser.pendingBytes).toBe(7)
})

function catchError(work: () => unknown): unknown {
  try {
    work()
  } catch (error) {
    return error
  }
  return undefined
}

test('a flood of replies that nobody asked for ends the dialogue', () => {
  const parser = createReplyParser()
  expect(() => parser.push(Buffer.from('250 ok\r\n'.repeat(1_000)))).toThrow(/more replies/)
})

test('as many replies as commands were sent are no flood', () => {
  const parser = createReplyParser({ expected: () => 1_000 })
  parser.push(Buffer.from('250 ok\r\n'.repeat(1_000)))
  expect(parser.next()?.code).toBe(250)
})
