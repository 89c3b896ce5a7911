// Sends mail to SMTP servers as fast as they take it, one after the other. Any refusal ends it.
import { performance } from 'node:perf_hooks'
import { Value } from 'typebox/value'
import { MailOrder, type MailResult, type MailSlice, type MailTarget } from '../mail-load.ts'
import { percentile } from '../statistics.ts'
import { type MailConnection, openMailConnection } from './mail-connection.ts'

const order = Value.Parse(MailOrder, JSON.parse(process.argv[2] ?? ''))
const { connections, keep, messageBytes, slices, sliceMs, targets, warmUpMs } = order
const intervalMs =
  order.messagesPerSecond === null ? 0 : (connections * 1_000) / order.messagesPerSecond

const LINE = `${'x'.repeat(70)}\r\n`
const body = Buffer.from(
  `${LINE.repeat(Math.max(1, Math.ceil((messageBytes - 200) / LINE.length)))}.\r\n`,
  'latin1',
)
let counter = 0
function messageFor({ sender, recipient }: MailTarget): Buffer {
  counter++
  const head = [
    `From: <${sender}>`,
    `To: <${recipient}>`,
    `Subject: Load ${counter}`,
    `Message-ID: <load.${process.pid}.${counter}@load.example>`,
    'Date: Mon, 23 Nov 2026 10:42:00 +0000',
    '',
    '',
  ].join('\r\n')
  return Buffer.concat([Buffer.from(head, 'latin1'), body])
}

const open = new Map<MailTarget, MailConnection[]>()
const sent = targets.map(() => 0)
const beganAt = performance.timeOrigin + performance.now()

async function slice(target: MailTarget, ms: number): Promise<MailSlice> {
  const kept = open.get(target) ?? []
  open.set(target, kept)
  const latencies: number[] = []
  const begin = performance.now()
  const end = begin + ms
  await Promise.all(
    Array.from({ length: connections }, async (_, index) => {
      let due = begin + (index / connections) * intervalMs
      do {
        const waitMs = due - performance.now()
        if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs))
        due += intervalMs
        const message = messageFor(target)
        const sentAt = performance.now()
        const connection = (keep ? kept[index] : undefined) ?? (await openMailConnection(target))
        if (keep) kept[index] = connection
        await connection.send(message)
        if (!keep) await connection.quit()
        latencies.push(performance.now() - sentAt)
      } while (Math.max(due, performance.now()) < end)
    }),
  )
  const seconds = (performance.now() - begin) / 1_000
  sent[targets.indexOf(target)] = (sent[targets.indexOf(target)] ?? 0) + latencies.length
  return {
    messagesPerSecond: latencies.length / seconds,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
  }
}

// Opens the connections and compiles every side.
if (warmUpMs > 0) for (const target of targets) await slice(target, warmUpMs)
const result: MailResult = { targets: targets.map(() => []), sent, beganAt }
for (let turn = 0; turn < slices; turn++) {
  for (const [index, target] of targets.entries()) {
    result.targets[index]?.push(await slice(target, sliceMs))
  }
}
process.stdout.write(`${JSON.stringify(result)}\n`, () => process.exit(0))
