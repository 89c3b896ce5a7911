import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { expect, it } from 'vitest'
import { systemClock } from '../../src/platform/clock.ts'
import { temporaryFolder } from '../support/folder.ts'
import { startAgentProcess, startPostern } from '../support/process.ts'
import { createRandom, type Random } from '../support/random.ts'
import { digestOf, startSendingLoad } from '../support/sending-load.ts'
import { firstStart, sendingSite } from '../support/sending-process.ts'
import { startWireSink } from '../support/wire-sink.ts'

const ROUNDS = 200
/** Each with a data folder of its own, two at a time. */
const LANES = 4
/** How many connections a profile has unless it says otherwise. */
const CONNECTIONS = 3
/** For what was accepted to arrive, on a machine that is busy. */
const PATIENCE = { timeout: 60_000, interval: 100 }
/** No further round begins then, unless all are asked for. */
const ENOUGH_MS = 110_000
const ALL = process.env['POSTERN_TEST_ALL_ROUNDS'] === '1'
const seed = Number(process.env['POSTERN_TEST_SEED'] ?? Math.floor(Math.random() * 2 ** 32))

/** Bytes that belong to no message. */
const ORPHANS =
  'select count(*) from message_chunk where coalesce(first, number) not in (select body from message where body is not null)'

interface Delivery {
  readonly connection: number
  readonly digest: string
}

interface Tally {
  readonly rounds: number
  readonly accepted: number
  readonly lost: number
  readonly twice: number
}

/** Kills the agent again and again while clients hand in mail, then lets it come to rest. */
async function killAgain(options: {
  random: Random
  rounds: number
  compileCache: string
  isEnough: () => boolean
}): Promise<Tally> {
  const { random, compileCache, isEnough } = options
  using folder = temporaryFolder()
  const deliveries = new Map<string, Delivery[]>()
  const flaws: string[] = []
  /** Of each connection: the last message that came over it. */
  const lastOf = new Map<number, string>()
  await using sink = await startWireSink({
    answerAfter: () => (random.next() < 0.3 ? systemClock.sleep(random.between(1, 30)) : undefined),
    take(mail) {
      const { messageId, connection, raw } = mail
      const known = deliveries.get(messageId) ?? []
      deliveries.set(messageId, [...known, { connection, digest: digestOf(raw) }])
      lastOf.set(connection, messageId)
      const flaw = load.flawOf(mail)
      if (flaw !== undefined) flaws.push(`${messageId}: ${flaw}`)
    },
  })
  const site = await sendingSite(folder.path, compileCache)
  const first = await firstStart(site, sink)
  await using load = startSendingLoad({
    ...site,
    client: first.client,
    connections: 4,
    callers: 2,
    random,
  })
  /** Of each kill: the connections that it has cut. */
  const cuts: ReadonlySet<number>[] = []
  const errors: string[] = []
  let usualStartMs = 1000
  let agent: Pick<typeof first.agent, 'kill' | 'ended' | 'stdout'> = first.agent

  async function kill(): Promise<void> {
    cuts.push(new Set(sink.open))
    agent.kill('SIGKILL')
    expect((await agent.ended).signal).toBe('SIGKILL')
    errors.push(...agent.stdout.filter((line) => /"level":"?(50|60|error|fatal)/.test(line)))
  }

  for (let round = 1; ; round++) {
    const isOnTheWay = round > 1 && random.next() < 0.15
    if (isOnTheWay) {
      agent = startPostern(['start'], site.env)
      await systemClock.sleep(random.between(0, usualStartMs))
    } else {
      if (round > 1) {
        const begun = performance.now()
        agent = await startAgentProcess(site.env)
        usualStartMs = Math.round(performance.now() - begun)
      }
      await load.more(random.between(1, 60))
      await systemClock.sleep(random.between(0, 20))
    }
    await kill()
    if (round >= options.rounds || isEnough()) break
  }

  await using last = await startAgentProcess(site.env)
  await load.stop()
  const missing = () => [...load.accepted].filter((messageId) => !deliveries.has(messageId))
  await expect.poll(missing, PATIENCE).toEqual([])
  const queue = async () => (await last.call('GET', 'status')).body.profiles[0].queue
  await expect.poll(queue, PATIENCE).toEqual({ queued: 0, held: 0, oldestAgeSeconds: null })
  last.kill('SIGTERM')
  expect(await last.ended).toEqual({ code: 0, signal: null })

  expect(flaws).toEqual([])
  expect(load.refusals).toEqual([])
  expect(errors).toEqual([])
  expect(sink.mostAtOnce).toBeLessThanOrEqual(CONNECTIONS)
  const twice = [...deliveries].filter(([, copies]) => copies.length > 1)
  const repeatedBy = cuts.map(() => 0)
  for (const [messageId, copies] of twice) {
    expect(new Set(copies.map(({ digest }) => digest)).size, messageId).toBe(1)
    for (const { connection } of copies.slice(0, -1)) {
      // Nothing was begun on that connection before its outcome was on disk.
      expect(lastOf.get(connection), messageId).toBe(messageId)
      const cut = cuts.findIndex((connections) => connections.has(connection))
      expect(cut, `${messageId} was sent again although no kill had cut it off`).not.toBe(-1)
      repeatedBy[cut] = (repeatedBy[cut] ?? 0) + 1
    }
  }
  expect(Math.max(...repeatedBy)).toBeLessThanOrEqual(CONNECTIONS)

  using left = openLeft(site.dataDir)
  expect(left.value('pragma integrity_check')).toBe('ok')
  expect(left.value("select count(*) from message where state <> 'delivered'")).toBe(0)
  expect(left.value('select count(*) - count(distinct message_id) from message')).toBe(0)
  expect(left.value('select count(*) from message')).toBe(deliveries.size)
  expect(left.value('select count(*) from intake')).toBe(0)
  expect(left.value(ORPHANS)).toBe(0)
  return {
    rounds: cuts.length,
    accepted: load.accepted.size,
    lost: missing().length,
    twice: twice.length,
  }
}

/** What Node.js has compiled is kept at an orderly end alone. */
async function warmUp(compileCache: string): Promise<void> {
  using folder = temporaryFolder()
  const { env } = await sendingSite(folder.path, compileCache)
  await using agent = await startAgentProcess(env)
  agent.kill('SIGTERM')
  await agent.ended
}

function openLeft(dataDir: string) {
  const sqlite = new Sqlite(join(dataDir, 'postern.db'), { readonly: true })
  return {
    value: (sql: string) => sqlite.prepare(sql).pluck().get(),
    [Symbol.dispose]: () => void sqlite.close(),
  }
}

it('kill -9 under load loses no accepted message, and repeats only what was on its way', async () => {
  using compileCache = temporaryFolder()
  await warmUp(compileCache.path)
  const begun = performance.now()
  const isEnough = () => !ALL && performance.now() - begun > ENOUGH_MS
  const tallies: Tally[] = []
  async function worker(lanes: readonly number[]): Promise<void> {
    for (const lane of lanes) {
      if (isEnough()) return
      const random = createRandom(seed + lane)
      const rounds = ROUNDS / LANES
      tallies.push(await killAgain({ random, rounds, compileCache: compileCache.path, isEnough }))
    }
  }
  try {
    await Promise.all([worker([0, 1]), worker([2, 3])])
  } catch (error) {
    console.log(`kill -9: failed with POSTERN_TEST_SEED=${seed}`)
    throw error
  }
  const sum = (key: keyof Tally) => tallies.reduce((total, tally) => total + tally[key], 0)
  const short = sum('rounds') < ROUNDS ? ' (all of them with POSTERN_TEST_ALL_ROUNDS=1)' : ''
  console.log(
    `kill -9: ${sum('rounds')} of ${ROUNDS} rounds${short}, ${sum('accepted')} accepted, ${sum('lost')} lost, ${sum('twice')} delivered twice`,
  )
  expect(sum('lost')).toBe(0)
  expect(sum('accepted')).toBeGreaterThan(sum('rounds'))
}, 900_000)
