import { performance } from 'node:perf_hooks'
import { createAccess } from '../../src/access/index.ts'
import { type CredentialEvents, createExpiryWatch } from '../../src/credentials/index.ts'
import { type Clock, DAY_MS, systemClock } from '../../src/platform/clock.ts'
import { createEventBus } from '../../src/platform/events.ts'
import type { ProfileEvents, Profiles } from '../../src/profiles/index.ts'
import { openStorage, type Storage } from '../../src/storage/index.ts'
import { exchangeOnlineProfile, openProfiles, prepareDataFolder, quiet } from '../data-folder.ts'
import { digits, type Measure } from '../report.ts'
import { median } from '../statistics.ts'

const CREDENTIALS = 10_000
/** The ends lie spread over two years, so that some reach a threshold every day. */
const SPREAD_DAYS = 730
const DAYS = 15
const STARTS = 7

/** The expiry watch over ten thousand credentials, in this process and on a real data folder. */
export const expiry: Measure = {
  name: 'expiry',
  async run(say) {
    say(`expiry: storing ${CREDENTIALS} credentials`)
    using folder = await prepareDataFolder({
      profiles: Array.from({ length: CREDENTIALS }, (_, index) =>
        exchangeOnlineProfile(index, 1 + (index % SPREAD_DAYS)),
      ),
      scope: 'monitor',
    })
    const clock = createMovableClock()
    await using storage = await openStorage({
      dataDir: folder.path,
      role: 'agent',
      clock,
      log: quiet,
    })
    await using access = createAccess({ storage, clock, log: quiet })
    const profiles = await openProfiles(storage, access.audit)

    const daily: number[] = []
    let told = 0
    {
      await using watch = openWatch({ profiles, storage, clock, heard: () => told++ })
      // What was due before the first start is recorded once.
      await watch.scan()
      told = 0
      for (let day = 0; day < DAYS; day++) {
        clock.pass(DAY_MS)
        daily.push(await timeOf(() => watch.scan()))
      }
    }
    const first: number[] = []
    for (let start = 0; start < STARTS; start++) {
      clock.pass(DAY_MS)
      await using anew = openWatch({ profiles, storage, clock, heard: () => {} })
      first.push(await timeOf(() => anew.scan()))
    }
    return [
      {
        measure: `expiry scan of ${CREDENTIALS} credentials`,
        value: median(daily),
        unit: 'ms',
        target: { atMost: 50 },
        detail: `${digits(told / DAYS)} news a day recorded, slowest ${digits(Math.max(...daily))} ms`,
      },
      {
        measure: `expiry scan of ${CREDENTIALS} credentials, the first after a start`,
        value: median(first),
        unit: 'ms',
        target: { atMost: 50 },
        detail: `reads what was announced before, slowest ${digits(Math.max(...first))} ms`,
      },
    ]
  },
}

function openWatch(parts: {
  profiles: Profiles
  storage: Storage
  clock: Clock
  heard: () => void
}) {
  const { profiles, storage, clock, heard } = parts
  const events = createEventBus<CredentialEvents & ProfileEvents>({ log: quiet })
  events.on('credential.expiring', heard)
  events.on('credential.expired', heard)
  return createExpiryWatch({ profiles, storage, clock, log: quiet, events })
}

function createMovableClock(): Clock & { pass(ms: number): void } {
  let passedMs = 0
  return {
    ...systemClock,
    now: () => systemClock.now() + passedMs,
    pass: (ms) => {
      passedMs += ms
    },
  }
}

async function timeOf(work: () => Promise<void>): Promise<number> {
  globalThis.gc?.()
  const startedAt = performance.now()
  await work()
  return performance.now() - startedAt
}
