import { systemClock } from '../../src/platform/clock.ts'
import {
  type CertificateFiles,
  makeCertificateFiles,
  noServer,
  startBareRelay,
  startMailAgent,
  startSink,
} from '../mail-bed.ts'
import { loadMail, type MailOrder } from '../mail-load.ts'
import { forgetPeak, peakMb, residentMb } from '../process-usage.ts'
import { digits, type Figure, type Measure, type Say } from '../report.ts'
import { median } from '../statistics.ts'

const LARGEST_BYTES = 35_000_000
const SETTLE_MS = 3_000
const SLICES = 6

/** Messages that must not sit in memory as a whole, on their way in or out. */
export const large: Measure = {
  name: 'large',
  async run(say) {
    using files = await makeCertificateFiles()
    return [...(await memory(files, say)), ...(await throughput(files, say))]
  },
}

const ONE_EACH = {
  keep: true,
  slices: 1,
  sliceMs: 1,
  warmUpMs: 0,
  messagesPerSecond: null,
} as const satisfies Partial<MailOrder>

async function memory(files: CertificateFiles, say: Say): Promise<readonly Figure[]> {
  await using sink = await startSink(files)
  await using ours = await startMailAgent(files, sink.port)
  const { pid } = ours.agent
  const send = async (connections: number) => {
    const before = await sink.counts()
    const order = { ...ONE_EACH, targets: [ours.target], messageBytes: LARGEST_BYTES }
    await loadMail({ ...order, connections })
    await sink.received(before.received + connections)
  }
  /** The highest memory until everything is delivered, above the one before. */
  const growth = async (connections: number) => {
    await systemClock.sleep(SETTLE_MS)
    const before = residentMb(pid)
    forgetPeak(pid)
    await send(connections)
    return { before, by: peakMb(pid) - before }
  }
  const atRest = residentMb(pid)
  say('large: a message of 35 MB to warm up')
  await send(1)
  say('large: a message of 35 MB')
  const one = await growth(1)
  say('large: eight messages of 35 MB at once')
  const eight = await growth(8)
  return [
    {
      measure: 'a message of 35 MB: growth of memory',
      value: one.by,
      unit: 'MB',
      target: { atMost: 40 },
      detail: `from ${digits(one.before)} MB, until it is delivered; ${digits(atRest)} MB before any mail`,
    },
    {
      measure: 'eight messages of 35 MB at once: growth of memory',
      value: eight.by,
      unit: 'MB',
      target: { atMost: 120 },
      detail: `from ${digits(eight.before)} MB, until they are delivered`,
    },
  ]
}

async function throughput(files: CertificateFiles, say: Say): Promise<readonly Figure[]> {
  await using ours = await startMailAgent(files, await noServer())
  await using bare = await startBareRelay(files)
  const targets = [ours.target, bare.target]
  const ofBare = async (name: string, atLeast: number, order: SizeOrder): Promise<Figure> => {
    say(
      `large: messages of ${name}, ${SLICES} slices of ${order.sliceMs} ms, agent and bare in turn`,
    )
    const result = await loadMail({
      ...ONE_EACH,
      ...order,
      targets,
      slices: SLICES,
      warmUpMs: order.sliceMs,
    })
    const [agent = [], baseline = []] = result.targets.map((slices) =>
      slices.map(({ messagesPerSecond }) => (messagesPerSecond * order.messageBytes) / 1_000_000),
    )
    return {
      measure: `relay, messages of ${name}: of a bare smtp-server`,
      value: median(agent.map((rate, slice) => rate / (baseline[slice] ?? Number.NaN))),
      unit: '×',
      target: { atLeast },
      detail: `${digits(median(agent))} MB/s, bare ${digits(median(baseline))} MB/s`,
    }
  }
  return [
    await ofBare('10 MB', 0.33, { messageBytes: 10_000_000, connections: 4, sliceMs: 1_500 }),
    await ofBare('100 KB', 0.47, { messageBytes: 100_000, connections: 8, sliceMs: 1_000 }),
  ]
}

type SizeOrder = Pick<MailOrder, 'messageBytes' | 'connections' | 'sliceMs'>
