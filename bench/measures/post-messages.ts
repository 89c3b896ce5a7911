import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import Sqlite from 'better-sqlite3'
import { Listening, startChild } from '../child.ts'
import { race } from '../load.ts'
import { makeCertificateFiles, noServer, RECIPIENT, startMailAgent } from '../mail-bed.ts'
import { digits, type Measure } from '../report.ts'
import { median } from '../statistics.ts'

const CONNECTIONS = 16
const SLICES = 20
const SLICE_MS = 500
const CEILING_MS = 1_000
const BODY = JSON.stringify({
  to: RECIPIENT,
  subject: 'Load',
  text: `${'x'.repeat(70)}\n`.repeat(26),
})

/** POST messages, each 202 after a durable commit, beside a bare route that stores the same bytes as durably. */
export const postMessages: Measure = {
  name: 'post-messages',
  async run(say) {
    using files = await makeCertificateFiles()
    using place = temporaryFolder()
    await using ours = await startMailAgent(files, await noServer())
    await using bare = startChild(['bench/processes/bare-post.mjs', join(place.path, 'bare.db')], {
      NODE_ENV: 'production',
    })
    const { url } = await bare.line(Listening)
    say(`post-messages: ${SLICES} slices of ${SLICE_MS} ms, agent and bare in turn`)
    const ceilings = [commitsPerSecond(join(place.path, 'ceiling.db'))]
    const rates = await race({
      one: {
        url: `${ours.agent.url}/api/v1/messages`,
        authorization: `Bearer ${ours.folder.token}`,
        body: BODY,
      },
      other: { url: `${url}/bare`, authorization: null, body: BODY },
      connections: CONNECTIONS,
      slices: SLICES,
      sliceMs: SLICE_MS,
    })
    ceilings.push(commitsPerSecond(join(place.path, 'ceiling.db')))
    const [agent, baseline] = [median(rates.one), median(rates.other)]
    const ceiling = (ceilings.reduce((sum, rate) => sum + rate, 0) / ceilings.length) | 0
    return [
      {
        measure: 'POST messages, 2 KB: of a bare route with a durable insert',
        value: median(rates.one.map((rate, slice) => rate / (rates.other[slice] ?? Number.NaN))),
        unit: '×',
        target: { atLeast: 0.5 },
        detail: `${digits(agent)}/s, bare ${digits(baseline)}/s; SQLite commits one after the other ${digits(ceiling)}/s`,
      },
    ]
  },
}

/** What SQLite itself does when each of these messages is a commit. */
function commitsPerSecond(file: string): number {
  using sqlite = openPlain(file)
  const insert = sqlite.database.prepare('insert into message (body) values (?)')
  const begin = performance.now()
  let commits = 0
  for (; performance.now() < begin + CEILING_MS; commits++) insert.run(BODY)
  return (commits * 1_000) / (performance.now() - begin)
}

function openPlain(file: string): Disposable & { database: Sqlite.Database } {
  const database = new Sqlite(file)
  database.pragma('journal_mode = WAL')
  database.pragma('synchronous = FULL')
  database.exec('create table if not exists message (seq integer primary key, body text not null)')
  return { database, [Symbol.dispose]: () => database.close() }
}

function temporaryFolder(): Disposable & { path: string } {
  const path = mkdtempSync(join(tmpdir(), 'postern-bench-'))
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true }) }
}
