import { expect, test } from 'vitest'
import type { DataSink } from '../../../src/relay/relay-parser.ts'
import { RelayParser } from '../../../src/relay/relay-parser.ts'

/** A read as a socket gives it: bytes with memory of their own. */
function read(text: string): Buffer {
  const bytes = Buffer.from(text, 'latin1')
  return Buffer.from(new Uint8Array(bytes).buffer)
}

function startParser(sink: Partial<DataSink>) {
  const parser = new RelayParser({})
  const taken: string[] = []
  let ended = 0
  parser.receive({
    write(content) {
      taken.push(content.toString('latin1'))
      return undefined
    },
    end: () => {
      ended++
    },
    hasCopied: false,
    ...sink,
  })
  const feed = (chunk: Buffer) =>
    new Promise<void>((resolve, reject) =>
      parser.write(chunk, (error) => (error ? reject(error) : resolve())),
    )
  return { parser, feed, taken, ended: () => ended }
}

const isFreed = (chunk: Buffer) => chunk.length === 0

test('the memory of a read whose bytes were copied is given back at once', async () => {
  const { feed, taken } = startParser({ hasCopied: true })
  const chunk = read('one\r\ntwo\r\n')
  await feed(chunk)
  expect(taken).toEqual(['one\r\ntwo\r\n'])
  expect(isFreed(chunk)).toBe(true)
})

test('memory that is still read, or that others share, is left alone', async () => {
  const kept = read('one\r\n')
  await startParser({ hasCopied: false }).feed(kept)
  expect(isFreed(kept)).toBe(false)

  const part = read('one\r\ntwo\r\n').subarray(0, 5)
  await startParser({ hasCopied: true }).feed(part)
  expect(part.toString('latin1')).toBe('one\r\n')
})

test('what comes behind the final dot is still there for the next command', async () => {
  const { parser, feed, ended } = startParser({ hasCopied: true })
  const commands: string[] = []
  parser.oncommand = (command, callback) => {
    commands.push(command.toString('latin1'))
    callback?.()
  }
  const fed = feed(read('one\r\n.\r\nNOOP\r\n'))
  expect(ended()).toBe(1)
  parser.resume()
  await fed
  expect(commands).toEqual(['NOOP'])
})
