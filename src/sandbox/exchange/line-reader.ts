import type { Connection } from './connection.ts'

export type ByteSource = Pick<Connection, 'pull' | 'unread'>

export interface Line {
  text: string
  /** The line was longer than allowed and is lost. */
  tooLong: boolean
}

const LF = 0x0a

/** One command line without its end; undefined when the client is gone. */
export async function readLine(source: ByteSource, maxBytes: number): Promise<Line | undefined> {
  const parts: Buffer[] = []
  let size = 0
  for (;;) {
    const chunk = await source.pull()
    if (chunk === undefined) return undefined
    const end = chunk.indexOf(LF)
    const part = end < 0 ? chunk : chunk.subarray(0, end)
    size += part.length
    if (size <= maxBytes) parts.push(part)
    if (end < 0) continue
    source.unread(chunk.subarray(end + 1))
    if (size > maxBytes) return { text: '', tooLong: true }
    const text = Buffer.concat(parts).toString('utf8')
    return { text: text.endsWith('\r') ? text.slice(0, -1) : text, tooLong: false }
  }
}
