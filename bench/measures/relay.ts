import {
  type CertificateFiles,
  type MailSink,
  mailTarget,
  makeCertificateFiles,
  noServer,
  startBareRelay,
  startMailAgent,
  startSink,
} from '../mail-bed.ts'
import { loadMail, type MailOrder, type MailSlice, type MailTarget } from '../mail-load.ts'
import { missingPostfix, startPostfix } from '../postfix.ts'
import { digits, type Figure, type Measure, type Say } from '../report.ts'
import { median } from '../statistics.ts'

const CONNECTIONS = 8
const MESSAGE_BYTES = 2_000
const SLICES = 12
const SLICE_MS = 800
const ROUNDS = 4
const ROUND_MS = 2_500
const WARM_UP_MS = 500

const FLAT_OUT = {
  connections: CONNECTIONS,
  keep: true,
  messageBytes: MESSAGE_BYTES,
  warmUpMs: SLICE_MS,
  messagesPerSecond: null,
} as const satisfies Partial<MailOrder>

/** Small messages over the relay: beside smtp-server that throws them away, and beside Postfix, which keeps them too. */
export const relay: Measure = {
  name: 'relay',
  async run(say) {
    using files = await makeCertificateFiles()
    const alone = await acceptAlone(files, say)
    const missing = missingPostfix()
    if (missing === undefined) return [alone, ...(await besidePostfix(files, say))]
    say(`relay: not measured beside Postfix: ${missing}`)
    return [alone]
  },
}

async function acceptAlone(files: CertificateFiles, say: Say): Promise<Figure> {
  await using ours = await startMailAgent(files, await noServer())
  await using bare = await startBareRelay(files)
  say(
    `relay: ${CONNECTIONS} connections, ${SLICES} slices of ${SLICE_MS} ms, agent and bare in turn`,
  )
  const { targets } = await loadMail({
    ...FLAT_OUT,
    targets: [ours.target, bare.target],
    slices: SLICES,
    sliceMs: SLICE_MS,
  })
  const [agent = [], baseline = []] = targets.map((slices) => slices.map(rateOf))
  return {
    measure: 'relay, 2 KB, accepting alone: of a bare smtp-server',
    value: median(agent.map((rate, slice) => rate / (baseline[slice] ?? Number.NaN))),
    unit: '×',
    target: { atLeast: 0.5 },
    detail: `${digits(median(agent))}/s, bare ${digits(median(baseline))}/s`,
  }
}

async function besidePostfix(files: CertificateFiles, say: Say): Promise<readonly Figure[]> {
  await using sink = await startSink(files)
  await using ours = await startMailAgent(files, sink.port)
  using theirs = await startPostfix({
    certificateFile: files.certificate,
    keyFile: files.key,
    relayPort: sink.port,
    connections: 3,
  })
  const target = mailTarget(theirs.port, { security: 'starttls', login: null })
  say(`relay: accepting while delivering, ${ROUNDS} rounds, agent and Postfix in turn`)
  const delivering = await inTurn(sink, [ours.target, target], true)
  say(`relay: a connection for each message, ${ROUNDS} rounds, agent and Postfix in turn`)
  const clear = { ...ours.target, security: 'none' } as const
  const single = await inTurn(sink, [clear, { ...target, security: 'none' }], false)
  return [
    {
      measure: 'relay, 2 KB, accepting while delivering: of Postfix',
      value: median(delivering.ratios),
      unit: '×',
      target: { atLeast: 2.5 },
      detail: delivering.detail,
    },
    {
      measure: 'relay, 2 KB, a connection for each message: of Postfix',
      value: median(single.ratios),
      unit: '×',
      target: { atLeast: 1.2 },
      detail: single.detail,
    },
  ]
}

/** Each side has the machine to itself until everything it has accepted is delivered. */
async function inTurn(
  sink: MailSink,
  [ours, theirs]: readonly [MailTarget, MailTarget],
  keep: boolean,
): Promise<{ ratios: readonly number[]; detail: string }> {
  const order = { ...FLAT_OUT, keep, slices: 1, sliceMs: ROUND_MS, warmUpMs: WARM_UP_MS }
  const run = async (target: MailTarget) => {
    const before = await sink.counts()
    const { targets, sent } = await loadMail({ ...order, targets: [target] })
    await sink.received(before.received + (sent[0] ?? 0))
    return median((targets[0] ?? []).map(rateOf))
  }
  const rounds: { agent: number; postfix: number }[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const postfix = await run(theirs)
    const agent = await run(ours)
    // The first round compiles our side and fills the caches of the disk.
    if (round > 0) rounds.push({ agent, postfix })
  }
  const of = (side: 'agent' | 'postfix') => median(rounds.map((round) => round[side]))
  return {
    ratios: rounds.map(({ agent, postfix }) => agent / postfix),
    detail: `${digits(of('agent'))}/s, Postfix ${digits(of('postfix'))}/s`,
  }
}

function rateOf({ messagesPerSecond }: MailSlice): number {
  return messagesPerSecond
}
