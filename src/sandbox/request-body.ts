import type { IncomingMessage } from 'node:http'

/** The whole body, or undefined when it is larger than `limitBytes`; the rest of it is not kept. */
export async function readBody(
  request: IncomingMessage,
  limitBytes: number,
): Promise<Buffer | undefined> {
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk)
    sizeBytes += bytes.length
    if (sizeBytes <= limitBytes) chunks.push(bytes)
  }
  return sizeBytes > limitBytes ? undefined : Buffer.concat(chunks)
}
