import { type Static, Type } from 'typebox'
import { startChild } from '../child.ts'
import {
  type CertificateFiles,
  makeCertificateFiles,
  noServer,
  RECIPIENT,
  SENDER,
  startMailAgent,
  startSink,
} from '../mail-bed.ts'
import { loadMail, type MailOrder } from '../mail-load.ts'
import { digits, type Figure, type Measure, type Say } from '../report.ts'
import { median } from '../statistics.ts'

const CONNECTIONS = 3
const MESSAGE_BYTES = 2_000
const ROUNDS = 4
const ROUND_MS = 2_500
/** Exchange Online takes some time for each message, and no connection beyond the third. */
const SLOW_MS = 300
const SLOW_MESSAGES = 150
const PACED = 100
const PACED_ROUNDS = 7
const PACED_MS = 1_500

const FLAT_OUT = {
  connections: 8,
  keep: true,
  messageBytes: MESSAGE_BYTES,
  slices: 1,
  warmUpMs: 0,
  messagesPerSecond: null,
} as const satisfies Partial<MailOrder>

/** From the relay to the server: as fast as it goes, and to servers that are slow or down. */
export const deliver: Measure = {
  name: 'deliver',
  async run(say) {
    using files = await makeCertificateFiles()
    return [await throughput(files, say), ...(await slowServer(files, say))]
  },
}

/** Accepted over the relay and delivered, beside a mailer that keeps nothing and is asked within its own process. */
async function throughput(files: CertificateFiles, say: Say): Promise<Figure> {
  await using sink = await startSink(files)
  await using ours = await startMailAgent(files, sink.port)
  await using mailer = await startPooledMailer(sink.port)
  say(`deliver: ${ROUNDS} rounds of ${ROUND_MS} ms, agent and nodemailer in turn`)
  const rounds: { agent: number; bare: number }[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const bare = await mailer.rate(ROUND_MS)
    const before = await sink.counts()
    const { sent, beganAt } = await loadMail({
      ...FLAT_OUT,
      targets: [ours.target],
      sliceMs: ROUND_MS,
    })
    const messages = sent[0] ?? 0
    const { lastAt } = await sink.received(before.received + messages)
    const agent = (messages * 1_000) / (lastAt - beganAt)
    // The first round compiles every side.
    if (round > 0) rounds.push({ agent, bare })
  }
  const of = (side: 'agent' | 'bare') => median(rounds.map((round) => round[side]))
  return {
    measure: 'accepted to delivered, 2 KB: of nodemailer alone',
    value: median(rounds.map(({ agent, bare }) => agent / bare)),
    unit: '×',
    target: { atLeast: 0.6 },
    detail: `${digits(of('agent'))}/s, nodemailer ${digits(of('bare'))}/s`,
  }
}

const MailerReady = Type.Object({ ready: Type.Literal(true) })
const MailerRate = Type.Object({ messagesPerSecond: Type.Number() })

async function startPooledMailer(port: number) {
  const args = [port, CONNECTIONS, MESSAGE_BYTES, SENDER, RECIPIENT].map(String)
  const child = startChild(['bench/processes/pooled-mailer.mjs', ...args])
  await child.line(MailerReady)
  return {
    async rate(ms: number): Promise<number> {
      const result: Static<typeof MailerRate> = await child.ask(String(ms), MailerRate)
      return result.messagesPerSecond
    },
    [Symbol.asyncDispose]: () => child.stop(),
  }
}

async function slowServer(files: CertificateFiles, say: Say): Promise<readonly Figure[]> {
  await using fastSink = await startSink(files)
  await using slowSink = await startSink(files, {
    delayMs: SLOW_MS,
    mostConnections: CONNECTIONS,
  })
  await using slow = await startMailAgent(files, slowSink.port)
  say(`deliver: ${SLOW_MESSAGES} messages to a server that takes ${SLOW_MS} ms for each`)
  await loadMail({
    ...FLAT_OUT,
    targets: [slow.target],
    sliceMs: SLOW_MESSAGES * 10,
    messagesPerSecond: PACED,
  })
  const { received, firstAt, lastAt } = await slowSink.received(SLOW_MESSAGES)
  // The first of each connection come together: they begin the count.
  const rate = ((received - CONNECTIONS) * 1_000) / (lastAt - firstAt)
  const possible = (CONNECTIONS * 1_000) / SLOW_MS

  await using fast = await startMailAgent(files, fastSink.port)
  await using down = await startMailAgent(files, await noServer())
  say(`deliver: accepting ${PACED}/s, server fast, slow and down in turn, ${PACED_ROUNDS} rounds`)
  const { targets } = await loadMail({
    ...FLAT_OUT,
    targets: [fast.target, slow.target, down.target],
    slices: PACED_ROUNDS,
    sliceMs: PACED_MS,
    warmUpMs: PACED_MS,
    messagesPerSecond: PACED,
  })
  const [fastMs = [], slowMs = [], downMs = []] = targets.map((slices) =>
    slices.map(({ p99Ms }) => p99Ms),
  )
  const counts = await slowSink.counts()
  return [
    {
      measure: 'slow server: of the possible rate',
      value: rate / possible,
      unit: '×',
      target: { atLeast: 0.95 },
      detail: `${digits(rate)}/s of ${digits(possible)}/s`,
    },
    {
      measure: 'slow server: connections at once',
      value: counts.mostAtOnce,
      unit: 'connections',
      target: { atMost: CONNECTIONS },
      detail: `${counts.connections} opened in all`,
    },
    {
      measure: 'slow server: refused with 432',
      value: counts.refused,
      unit: 'messages',
      target: { atMost: 0 },
      detail: `of ${counts.received + counts.refused}`,
    },
    acceptTime('slow', slowMs, fastMs),
    acceptTime('down', downMs, fastMs),
  ]
}

function acceptTime(name: string, theirs: readonly number[], fast: readonly number[]): Figure {
  return {
    measure: `accepting while the server is ${name}: p99 of the one while it is fast`,
    value: median(theirs) / median(fast),
    unit: '×',
    target: { atMost: 1.5 },
    detail: `${digits(median(theirs))} ms, fast ${digits(median(fast))} ms`,
  }
}
