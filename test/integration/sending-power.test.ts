import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, it } from 'vitest'
import { formatImage, imageDisk } from '../support/disk.ts'
import { temporaryFolder } from '../support/folder.ts'
import { startAgentProcess } from '../support/process.ts'
import { createRandom } from '../support/random.ts'
import { type Ledger, startSendingLoad } from '../support/sending-load.ts'
import { firstStart, type SendingSite, sendingSite } from '../support/sending-process.ts'
import { skipFor } from '../support/skip.ts'
import { startWireSink, type WireSink } from '../support/wire-sink.ts'
import { type Committed, copyAfterPowerLoss, openCommitted } from '../support/write-ahead-log.ts'

const seed = Number(process.env['POSTERN_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 32))
const ROUNDS = 5
const LOSSES_PER_ROUND = 40
/** For what was accepted to arrive, on a machine that is busy. */
const PATIENCE = { timeout: 30_000, interval: 100 }

/** Why the accepted mail is not all there; empty: it is. */
function missingIn(dataDir: string, ledger: Ledger): string[] {
  const sqlite = new Sqlite(join(dataDir, 'postern.db'))
  try {
    const verdict = sqlite.pragma('integrity_check', { simple: true })
    if (verdict !== 'ok') return [String(verdict)]
    const bodies = sqlite
      .prepare<[string], number>('select body from message where message_id = ?')
      .pluck()
    const chunks = sqlite
      .prepare<[number, number], Buffer>(
        'select data from message_chunk where number = ? or first = ? order by position',
      )
      .pluck()
    return [...ledger.accepted].flatMap((messageId) => {
      const found = bodies.all(messageId)
      const [body] = found
      if (body === undefined || found.length > 1) return [`${messageId}: ${found.length} times`]
      const flaw = ledger.flawOf({ messageId, raw: Buffer.concat(chunks.all(body, body)) })
      return flaw === undefined ? [] : [`${messageId}: ${flaw}`]
    })
  } finally {
    sqlite.close()
  }
}

/** Starts an agent on what is left and waits until all accepted mail has arrived, then or before. */
async function drain(site: SendingSite, dataDir: string, sink: WireSink, ledger: Ledger) {
  await using agent = await startAgentProcess({ ...site.env, POSTERN_DATA_DIR: dataDir })
  const missing = () => {
    const arrived = new Set(sink.taken.map(({ messageId }) => messageId))
    return [...ledger.accepted].filter((messageId) => !arrived.has(messageId))
  }
  await expect.poll(missing, PATIENCE).toEqual([])
  const queue = async () => (await agent.call('GET', 'status')).body.profiles[0].queue
  await expect.poll(queue, PATIENCE).toEqual({ queued: 0, held: 0, oldestAgeSeconds: null })
  expect(sink.taken.flatMap((mail) => ledger.flawOf(mail) ?? [])).toEqual([])
}

it('a loss of power that takes or damages whatever was not synced loses no accepted message', async () => {
  using folder = temporaryFolder()
  await using sink = await startWireSink()
  const site = await sendingSite(folder.path)
  const random = createRandom(seed)
  const first = await firstStart(site, sink)
  let committed: Committed | undefined
  let agent = first.agent
  let index = openCommitted(site.dataDir)
  await using load = startSendingLoad({
    ...site,
    client: first.client,
    connections: 4,
    callers: 2,
    random,
    onAccepted: () => {
      committed = index.look() ?? committed
    },
  })
  let losses = 0
  let last = ''
  try {
    for (let round = 1; ; round++) {
      await load.more(random.between(20, 80))
      agent.kill('SIGKILL')
      await agent.ended
      index[Symbol.dispose]()
      if (committed === undefined) throw new Error('nothing was committed')
      for (let i = 0; i < LOSSES_PER_ROUND; i++) {
        last = join(folder.path, `loss-${round}-${i}`)
        const loss = copyAfterPowerLoss({ from: site.dataDir, to: last, committed, random })
        expect(missingIn(last, load), `round ${round}: ${loss}`).toEqual([])
        losses++
      }
      if (round === ROUNDS) break
      agent = await startAgentProcess(site.env)
      index = openCommitted(site.dataDir)
    }
    const stopped = load.stop()
    await drain(site, last, sink, load)
    await stopped
  } catch (error) {
    console.log(`power loss: failed with POSTERN_TEST_SEED=${seed}`)
    throw error
  }
  console.log(
    `power loss: ${losses} losses in ${ROUNDS} rounds, ${load.accepted.size} accepted, 0 lost`,
  )
}, 180_000)

it('a disk that keeps nothing but what was synced keeps every accepted message', async (context) => {
  using folder = temporaryFolder()
  const image = join(folder.path, 'disk.img')
  if (!formatImage(image, 96)) return skipFor(context, 'mkfs.ext4 makes no file system here')
  const disk = imageDisk(image)
  if (typeof disk === 'string') return skipFor(context, disk)
  using mounted = disk
  await using sink = await startWireSink()
  const site = await sendingSite(mounted.path)
  const { agent, client } = await firstStart(site, sink)
  const load = startSendingLoad({
    ...site,
    client,
    connections: 4,
    callers: 2,
    random: createRandom(seed),
  })
  try {
    await load.more(150)
  } finally {
    agent.kill('SIGKILL')
    await agent.ended
  }
  const left = join(folder.path, 'left.img')
  copyFileSync(image, left)
  const stopped = load.stop()
  const after = imageDisk(left)
  if (typeof after === 'string') throw new Error(after)
  using disks = after
  const dataDir = join(disks.path, 'data')
  await drain(site, dataDir, sink, load)
  await stopped
  expect(missingIn(dataDir, load)).toEqual([])
}, 60_000)
