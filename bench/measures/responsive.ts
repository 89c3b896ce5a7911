import { keepPace, type PaceResult } from '../load.ts'
import { makeCertificateFiles, startMailAgent, startSink } from '../mail-bed.ts'
import { loadMail, type MailOrder } from '../mail-load.ts'
import { digits, type Figure, type Measure } from '../report.ts'

const SECONDS = 12
const REQUESTS_PER_SECOND = 20

/** Whoever polls the status gets the answer soon, however much mail comes in meanwhile. */
export const responsive: Measure = {
  name: 'responsive',
  async run(say) {
    using files = await makeCertificateFiles()
    await using sink = await startSink(files)
    await using ours = await startMailAgent(files, sink.port)
    const { agent, folder, target } = ours
    const status = { url: `${agent.url}/api/v1/status`, authorization: `Bearer ${folder.token}` }

    async function during(load: Pick<MailOrder, 'connections' | 'messageBytes'>) {
      const before = await sink.counts()
      const loading = loadMail({
        ...load,
        targets: [target],
        keep: true,
        slices: 1,
        warmUpMs: 1_000,
        // The pace warms up for a second, too.
        sliceMs: (SECONDS + 1) * 1_000,
        messagesPerSecond: null,
      })
      const pace = { requestsPerSecond: REQUESTS_PER_SECOND, seconds: SECONDS }
      const [{ targets, sent }, times] = await Promise.all([
        loading,
        keepPace({ ...pace, target: status }),
      ])
      await sink.received(before.received + (sent[0] ?? 0))
      return { times, rate: targets[0]?.[0]?.messagesPerSecond ?? 0 }
    }

    say(`responsive: GET status at ${REQUESTS_PER_SECOND}/s while relaying 2 KB, ${SECONDS} s`)
    const small = await during({ connections: 8, messageBytes: 2_000 })
    say(`responsive: GET status at ${REQUESTS_PER_SECOND}/s while relaying 10 MB, ${SECONDS} s`)
    const large = await during({ connections: 2, messageBytes: 10_000_000 })
    return [figure('2 KB flat out', 50, small), figure('10 MB', 100, large)]
  },
}

function figure(
  load: string,
  atMost: number,
  { times, rate }: { times: PaceResult; rate: number },
): Figure {
  return {
    measure: `GET status while relaying ${load}: p99 at ${REQUESTS_PER_SECOND} requests/s`,
    value: times.p99Ms,
    unit: 'ms',
    target: { atMost },
    detail: `p50 ${digits(times.p50Ms)} ms, ${digits(rate)} messages/s accepted and delivered`,
  }
}
