import { describe, expect, it } from 'vitest'
import { readChunk, readData } from '../../../src/sandbox/exchange/data-reader.ts'
import { type ByteSource, readLine } from '../../../src/sandbox/exchange/line-reader.ts'

function sourceOf(chunks: string[]): ByteSource & { rest(): string } {
  const queue: Buffer[] = chunks.map((chunk) => Buffer.from(chunk, 'latin1'))
  return {
    pull: async () => queue.shift(),
    unread(rest) {
      if (rest.length > 0) queue.unshift(rest)
    },
    rest: () => Buffer.concat(queue).toString('latin1'),
  }
}

async function read(chunks: string[], maxBytes = 1000) {
  const source = sourceOf(chunks)
  const data = await readData(source, maxBytes)
  return data && { text: data.bytes.toString('latin1'), size: data.sizeBytes, rest: source.rest() }
}

describe('reading the content of DATA', () => {
  it.each([
    ['.\r\n', ''],
    ['a\r\n.\r\n', 'a\r\n'],
    ['..\r\n.\r\n', '.\r\n'],
    ['.a\r\n..\r\n...\r\n.\r\n', 'a\r\n.\r\n..\r\n'],
    ['\r\n\r\n.\r\n', '\r\n\r\n'],
    ['a\n.\nb\r.\r\r\n.\r\n', 'a\n.\nb\r.\r\r\n'],
    ['\r\n.\rx\r\n.\r\n', '\r\n\rx\r\n'],
    ['\u00ff\u0000\r\n.\r\n', '\u00ff\u0000\r\n'],
    ['a\r\n.\n\r\n.\r\n', 'a\r\n\n\r\n'],
  ])('reads %j wherever the network cuts it', async (wire, content) => {
    const after = `${wire}QUIT\r\n`
    const expected = { text: content, size: content.length, rest: 'QUIT\r\n' }
    for (let cut = 0; cut <= after.length; cut++) {
      const chunks = [after.slice(0, cut), after.slice(cut)].filter((chunk) => chunk !== '')
      expect(await read(chunks)).toEqual(expected)
    }
    expect(await read([...after])).toEqual(expected)
  })

  it('knows that a client went away in the middle', async () => {
    expect(await read(['a\r\n.'])).toBeUndefined()
  })

  it('counts what is larger than it keeps', async () => {
    const data = await read(['x'.repeat(5), 'y'.repeat(5), '\r\n.\r\nNOOP\r\n'], 6)
    expect(data).toMatchObject({ size: 12, rest: 'NOOP\r\n' })
  })

  it('reads a chunk of exactly so many octets', async () => {
    const source = sourceOf(['ab', 'cd', 'ef'])
    expect((await readChunk(source, 3, 10))?.toString()).toBe('abc')
    expect(source.rest()).toBe('def')
    expect(await readChunk(source, 4, 10)).toBeUndefined()
  })

  it('loses a line that is too long and goes on with the next', async () => {
    const source = sourceOf(['x'.repeat(8), 'x\r', '\nNOOP', '\r\nRSET\r\n'])
    expect(await readLine(source, 8)).toEqual({ text: '', tooLong: true })
    expect(await readLine(source, 8)).toEqual({ text: 'NOOP', tooLong: false })
    expect(await readLine(source, 8)).toEqual({ text: 'RSET', tooLong: false })
    expect(await readLine(source, 8)).toBeUndefined()
  })
})
