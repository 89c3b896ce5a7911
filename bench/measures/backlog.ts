import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import Sqlite from 'better-sqlite3'
import { openThreadedStore } from '../../src/outbox/index.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { openStorage } from '../../src/storage/index.ts'
import { AGENT, agentEnvironment, startAgentProcess, whenReady } from '../agent-process.ts'
import { startChild } from '../child.ts'
import { type DataFolder, prepareDataFolder, profileId, quiet } from '../data-folder.ts'
import { freePort } from '../free-port.ts'
import { keepPace } from '../load.ts'
import { fillOutbox } from '../mail-backlog.ts'
import { localProfile, noServer } from '../mail-bed.ts'
import { digits, type Figure, type Measure, type Say } from '../report.ts'
import { median, percentile } from '../statistics.ts'

const BACKLOG = { finished: 1_000_000, waiting: 100_000, profiles: 10 }
const CLAIMS = 1_000
const PACED_SECONDS = 10
const PAIRS = 5

/** An outbox that has gathered a million records and a hundred thousand messages that wait. */
export const backlog: Measure = {
  name: 'backlog',
  async run(say) {
    const serverPort = await noServer()
    using empty = await folderWith(serverPort)
    using full = await folderWith(serverPort)
    say(`backlog: storing ${BACKLOG.finished} finished and ${BACKLOG.waiting} waiting messages`)
    const beganAt = performance.now()
    fillOutbox(full, BACKLOG)
    say(`backlog: stored in ${digits((performance.now() - beganAt) / 1_000)} s`)
    return [
      await startTime(full, empty, say),
      await statusTime(full, say),
      await claimTime(full, say),
    ]
  },
}

function folderWith(serverPort: number): Promise<DataFolder> {
  return prepareDataFolder({
    profiles: Array.from({ length: BACKLOG.profiles }, (_, index) =>
      localProfile(serverPort, index),
    ),
    scope: 'monitor',
  })
}

async function startTime(full: DataFolder, empty: DataFolder, say: Say): Promise<Figure> {
  const pairs: { full: number; empty: number }[] = []
  for (let pair = 0; pair <= PAIRS; pair++) {
    const times = { empty: await untilReady(empty), full: await untilReady(full) }
    // The first pair fills the caches of the disk.
    if (pair === 0) continue
    pairs.push(times)
    say(`backlog: start in ${digits(times.full)} ms, empty ${digits(times.empty)} ms`)
  }
  const of = (side: 'full' | 'empty') => median(pairs.map((pair) => pair[side]))
  return {
    measure: 'large outbox: start until /readyz, of an empty one',
    value: median(pairs.map((pair) => pair.full / pair.empty)),
    unit: '×',
    target: { atMost: 2 },
    detail: `${digits(of('full'))} ms, empty ${digits(of('empty'))} ms`,
  }
}

async function untilReady(folder: DataFolder): Promise<number> {
  const environment = { ...agentEnvironment(folder), POSTERN_RELAY_PORT: String(await freePort()) }
  const startedAt = performance.now()
  await using child = startChild(AGENT, environment)
  await whenReady(child)
  const duration = performance.now() - startedAt
  await child.stop()
  return duration
}

async function statusTime(full: DataFolder, say: Say): Promise<Figure> {
  say(`backlog: GET status, 20 requests/s for ${PACED_SECONDS} s`)
  await using agent = await startAgentProcess(full)
  const target = { url: `${agent.url}/api/v1/status`, authorization: `Bearer ${full.token}` }
  const result = await keepPace({ target, requestsPerSecond: 20, seconds: PACED_SECONDS })
  return {
    measure: 'large outbox: GET status, p99 at 20 requests/s',
    value: result.p99Ms,
    unit: 'ms',
    target: { atMost: 5 },
    detail: `p50 ${digits(result.p50Ms)} ms`,
  }
}

/** As the delivery asks, from another thread than the one that writes: the durable commit is part of it. */
async function claimTime(full: DataFolder, say: Say): Promise<Figure> {
  say(`backlog: ${CLAIMS} claims`)
  await using storage = await openStorage({
    dataDir: full.path,
    role: 'agent',
    clock: systemClock,
    log: quiet,
  })
  await using store = await openThreadedStore({ storage, log: quiet })
  const profileIds = Array.from({ length: BACKLOG.profiles }, (_, index) => profileId(index))
  using bare = openBareCommits()
  const claims: number[] = []
  const commits: number[] = []
  for (let turn = 0; turn < CLAIMS; turn++) {
    const startedAt = performance.now()
    const claimed = await store.claim({ profileIds, limit: 1 })
    claims.push(performance.now() - startedAt)
    if (claimed.length !== 1) throw new Error('nothing was claimed')
    const bareAt = performance.now()
    bare.commit()
    commits.push(performance.now() - bareAt)
  }
  return {
    measure: 'large outbox: claim of the next message, p99',
    value: percentile(claims, 0.99),
    unit: 'ms',
    target: { atMost: 5 },
    detail: `p50 ${digits(median(claims))} ms; a bare durable commit p99 ${digits(percentile(commits, 0.99))} ms`,
  }
}

/** What the disk alone takes, in turn with the claims. */
function openBareCommits(): Disposable & { commit(): void } {
  const place = mkdtempSync(join(tmpdir(), 'postern-bench-'))
  const database = new Sqlite(join(place, 'bare.db'))
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  database.exec('create table claim (at real not null)')
  const insert = database.prepare('insert into claim (at) values (?)')
  return {
    commit: () => void insert.run(performance.now()),
    [Symbol.dispose]() {
      database.close()
      rmSync(place, { recursive: true, force: true })
    },
  }
}
