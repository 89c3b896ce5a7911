// The baseline of a delivery: nodemailer's pooled transport with finished messages, as fast as the server takes them. A line
// on standard input with milliseconds begins; the answer is messages per second.
import { createInterface } from 'node:readline'
import { createTransport } from 'nodemailer'

const [port = '', connections = '', bytes = '', sender = '', recipient = ''] = process.argv.slice(2)
const most = Number(connections)
const transport = createTransport({
  pool: true,
  maxConnections: most,
  maxMessages: Number.POSITIVE_INFINITY,
  host: '127.0.0.1',
  port: Number(port),
  requireTLS: true,
  tls: { rejectUnauthorized: false },
})
const body = `${'x'.repeat(70)}\r\n`.repeat(Math.ceil((Number(bytes) - 200) / 72))
let counter = 0

function message() {
  counter++
  const head = [
    `From: <${sender}>`,
    `To: <${recipient}>`,
    `Subject: Load ${counter}`,
    `Message-ID: <pooled.${process.pid}.${counter}@load.example>`,
    'Date: Mon, 23 Nov 2026 10:42:00 +0000',
    '',
    '',
  ].join('\r\n')
  return Buffer.from(head + body, 'latin1')
}

async function send(ms) {
  const begin = performance.now()
  const end = begin + ms
  let sent = 0
  // More callers than connections: none of them waits for the next message.
  await Promise.all(
    Array.from({ length: 4 * most }, async () => {
      while (performance.now() < end) {
        await transport.sendMail({ envelope: { from: sender, to: recipient }, raw: message() })
        sent++
      }
    }),
  )
  return { messagesPerSecond: (sent * 1_000) / (performance.now() - begin) }
}

createInterface({ input: process.stdin }).on('line', async (line) => {
  const result = await send(Number(line))
  process.stdout.write(`${JSON.stringify(result)}\n`)
})
process.stdout.write(`${JSON.stringify({ ready: true })}\n`)
