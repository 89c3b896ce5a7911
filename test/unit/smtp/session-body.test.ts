import { createHash, randomBytes } from 'node:crypto'
import { createServer, type Socket, connect as tcpConnect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { PosternError } from '../../../src/platform/errors.ts'
import { createSmtpConnection } from '../../../src/smtp/connection.ts'
import { createDotStuffer, dotStuffed } from '../../../src/smtp/dot-stuffing.ts'
import { openSession, outgoing, startSink, unstuffed } from './session-bench.ts'

/** Numbers from 0 to below 1 that are the same in every run (mulberry32). */
function numbers(seed: number): () => number {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296
  }
}

const TOKENS = ['.', '..', '\r\n', '\r\n', '\r\n.', '\r\n.\r\n', 'a', 'line of text', '\u0000', 'ÿ']

function randomBody(random: () => number): Buffer {
  const parts = Array.from({ length: Math.floor(random() * 60) }, () => {
    const token = TOKENS[Math.floor(random() * TOKENS.length)] ?? ''
    return random() < 0.1 ? token.repeat(20) : token
  })
  return Buffer.from(parts.join(''), 'latin1')
}

function randomPieces(random: () => number, data: Buffer): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; at < data.length; ) {
    const length = random() < 0.5 ? 1 : Math.floor(random() * 40)
    pieces.push(data.subarray(at, at + length))
    at += length
  }
  return pieces
}

function stuffed(pieces: readonly Buffer[]): Buffer {
  const stuffer = createDotStuffer()
  return Buffer.concat([...pieces.map((piece) => stuffer.push(piece)), stuffer.end()])
}

const ended = (body: Buffer) =>
  body.length === 0 || body.toString('latin1').endsWith('\r\n')
    ? body
    : Buffer.concat([body, Buffer.from('\r\n')])

describe('dots at the beginning of a line', () => {
  test('are doubled wherever the content is cut, and undone give the same bytes', () => {
    const random = numbers(20_261_123)
    for (let round = 0; round < 3_000; round++) {
      const body = randomBody(random)
      const wire = stuffed(randomPieces(random, body))
      expect(unstuffed(wire)?.toString('latin1')).toBe(ended(body).toString('latin1'))
      expect(wire.equals(dotStuffed(body))).toBe(true)
    }
  })

  test('cost no copy where there are none', () => {
    const piece = Buffer.from('no dot at. the beginning\r\n')
    expect(createDotStuffer().push(piece)).toBe(piece)
  })

  test.each([
    ['a\n'],
    ['\n'],
    ['a\rb'],
    ['a\r', 'b'],
    ['a\r\n', '\n'],
    ['a', '\nb'],
    ['a\r\r\n'],
    ['a\r', '\r\n'],
    ['x'.repeat(40), '\n'],
    [`${'x'.repeat(40)}\r${'x'.repeat(40)}`],
    [`${'x'.repeat(40)}\n${'x'.repeat(40)}`],
  ])('do not hide a bare line end in %j', (...parts) => {
    expect(() => stuffed(parts.map((part) => Buffer.from(part)))).toThrow(PosternError)
  })

  test('do not let a content end with a CR', () => {
    expect(() => stuffed([Buffer.from('a\r')])).toThrow(PosternError)
  })
})

describe('a long content', () => {
  test('arrives byte for byte, from one piece or many', async () => {
    const random = numbers(7)
    const lines = Array.from(
      { length: 30_000 },
      () => `${random() < 0.3 ? '.' : ''}${'x'.repeat(Math.floor(random() * 90))}`,
    )
    const body = Buffer.from(`Subject: x\r\n\r\n${lines.join('\r\n')}`)
    await using sink = await startSink()
    const session = await openSession(sink.port)
    const sizeBytes = body.length
    async function* cut() {
      yield* randomPieces(() => 0.9999, body.subarray(0, 5_000))
      yield body.subarray(5_000, 400_000)
      yield body.subarray(400_000)
    }
    for (const message of [outgoing({ body }), outgoing({ body: cut(), sizeBytes })]) {
      expect(await session.send(message)).toMatchObject({
        failure: null,
        serverMessageId: '<sink-id@sink>',
      })
    }
    for (const content of sink.contents) expect(unstuffed(content)?.equals(ended(body))).toBe(true)
    expect(sink.contents).toHaveLength(2)
    await session.quit()
  })

  test('of 35 MB is read no faster than the server takes it', async () => {
    await using sink = await startSink()
    sink.hold()
    const session = await openSession(sink.port)
    const line = `${randomBytes(31).toString('hex')}\r\n`
    const chunk = Buffer.from(line.repeat(4_096))
    const count = Math.ceil((35 * 1024 * 1024) / chunk.length)
    let produced = 0
    async function* body() {
      for (let i = 0; i < count; i++) {
        produced += chunk.length
        yield chunk
      }
    }
    const sending = session.send(outgoing({ body: body(), sizeBytes: count * chunk.length }))
    while (produced === 0) await new Promise((resolve) => setImmediate(resolve))
    let before = -1
    for (let same = 0; same < 200; same = produced === before ? same + 1 : 0) {
      before = produced
      await new Promise((resolve) => setImmediate(resolve))
    }
    // What the kernel keeps for the two ends of the connection, and a little of our own.
    expect(produced).toBeLessThan(16 * 1024 * 1024)
    sink.letGo()
    expect(await sending).toMatchObject({ failure: null })
    expect(produced).toBe(count * chunk.length)
    const expected = createHash('sha256')
    for (let i = 0; i < count; i++) expected.update(chunk)
    expected.update('.\r\n')
    const [content = Buffer.alloc(0)] = sink.contents
    expect(createHash('sha256').update(content).digest('hex')).toBe(expected.digest('hex'))
    await session.quit()
  })

  test('never has more than 256 KB waiting in the socket', async () => {
    const accepted = Promise.withResolvers<Socket>()
    const server = createServer((socket) => {
      socket.on('error', () => {})
      socket.write('220 x\r\n250-x\r\n250 PIPELINING\r\n')
      socket.pause()
      accepted.resolve(socket)
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    const socket = tcpConnect(address.port, '127.0.0.1')
    const connection = createSmtpConnection(socket)
    const peer = await accepted.promise
    const never = new AbortController().signal
    expect((await connection.read(never)).code).toBe(220)
    expect((await connection.read(never)).code).toBe(250)
    const piece = Buffer.alloc(64 * 1024)
    let most = 0
    let full = false
    const writing = (async () => {
      for (let i = 0; i < 512; i++) {
        if (!connection.hasRoom) {
          full = true
          await connection.room(never)
        }
        connection.write([piece, piece], 0)
        most = Math.max(most, socket.writableLength)
      }
    })()
    while (!full) await new Promise((resolve) => setImmediate(resolve))
    peer.resume()
    await writing
    expect(most).toBeLessThanOrEqual(256 * 1024)
    connection.close()
    peer.destroy()
    await new Promise<void>((resolve) => server.close(() => resolve()))
  })
})
