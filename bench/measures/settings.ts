import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import Sqlite from 'better-sqlite3'
import { createAccess } from '../../src/access/index.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openStorage } from '../../src/storage/index.ts'
import {
  exchangeOnlineProfile,
  openProfiles,
  prepareDataFolder,
  profileId,
  quiet,
} from '../data-folder.ts'
import { digits, type Measure } from '../report.ts'
import { median } from '../statistics.ts'

const PROFILES = 10
const ROUNDS = 15
const READS = 20_000
const UNSEALED = 1_000

/** Reading a profile's settings, without and with its secret, beside what such a read cannot do without. */
export const settings: Measure = {
  name: 'settings',
  async run() {
    using folder = await prepareDataFolder({
      profiles: Array.from({ length: PROFILES }, (_, index) => exchangeOnlineProfile(index, 200)),
      scope: 'monitor',
    })
    const options = { dataDir: folder.path, clock: systemClock, log: quiet }
    await using storage = await openStorage({ ...options, role: 'agent' })
    await using access = createAccess({ storage, clock: systemClock, log: quiet })
    const profiles = await openProfiles(storage, access.audit)
    using bare = openBare(join(folder.path, 'postern.db'))
    const id = profileId(0)
    const sealed = await storage.db
      .selectFrom('credential')
      .select(['id', 'sealed'])
      .where('profile_id', '=', id)
      .executeTakeFirstOrThrow()
    const place = { table: 'credential', column: 'sealed', row: sealed.id }

    const rounds: { get: number; row: number; read: number; unseal: number }[] = []
    for (let round = 0; round <= ROUNDS; round++) {
      globalThis.gc?.()
      const row = timeOf(READS, () => bare.read(id))
      const get = timeOf(READS, () => profiles.get(id))
      const unseal = await timeOfAsync(UNSEALED, () => storage.keyRing.open(sealed.sealed, place))
      const read = await timeOfAsync(UNSEALED, () => profiles.openCredential(profiles.get(id)))
      // The first round is compiled while it runs.
      if (round > 0) rounds.push({ row, get, unseal, read })
    }
    const of = (pick: (round: (typeof rounds)[number]) => number) => median(rounds.map(pick))
    return [
      {
        measure: 'settings read, of a bare prepared statement',
        value: of(({ get, row }) => get / row),
        unit: '×',
        target: { atMost: 3 },
        detail: `${digits(of(({ get }) => get))} µs, bare ${digits(of(({ row }) => row))} µs`,
      },
      {
        measure: 'settings read with its secret, of 3 statements and unsealing',
        value: of(({ read, row, unseal }) => read / (3 * row + unseal)),
        unit: '×',
        target: { atMost: 1 },
        detail: `${digits(of(({ read }) => read))} µs, unsealing alone ${digits(of(({ unseal }) => unseal))} µs`,
      },
    ]
  },
}

function openBare(file: string): Disposable & { read(id: string): unknown } {
  const sqlite = new Sqlite(file, { readonly: true })
  const statement = sqlite.prepare<[string]>('select * from profile where id = ?')
  return {
    read: (id) => statement.get(id),
    [Symbol.dispose]: () => {
      sqlite.close()
    },
  }
}

/** Microseconds for one call. */
function timeOf(calls: number, call: () => unknown): number {
  const startedAt = performance.now()
  for (let i = 0; i < calls; i++) call()
  return ((performance.now() - startedAt) * 1_000) / calls
}

async function timeOfAsync(calls: number, call: () => Promise<unknown>): Promise<number> {
  const startedAt = performance.now()
  for (let i = 0; i < calls; i++) await call()
  return ((performance.now() - startedAt) * 1_000) / calls
}
