import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type AgentProcess, startAgentProcess } from '../agent-process.ts'
import { Listening, startChild } from '../child.ts'
import { type DataFolder, exchangeOnlineProfile, prepareDataFolder } from '../data-folder.ts'
import { keepPace, type LoadTarget, type PaceResult, race } from '../load.ts'
import { watchProcessor } from '../process-usage.ts'
import { digits, type Figure, type Measure, type Say } from '../report.ts'
import { median } from '../statistics.ts'

const FEW = 10
const MANY = 1_000
const CONNECTIONS = 20
const SLICES = 40
const SLICE_MS = 250
const PACED_SECONDS = 10
/** A p99 of a busy machine is mostly the machine's, so several short rounds are taken in turn. */
const PACED_ROUNDS = 7
const ROUND_SECONDS = 3

/** GET status with a bearer token, beside a bare Fastify route that returns the same bytes without one. */
export const status: Measure = {
  name: 'status',
  async run(say) {
    return [...(await withFewProfiles(say)), ...(await withManyProfiles(say))]
  },
}

async function withFewProfiles(say: Say): Promise<readonly Figure[]> {
  using folder = await folderWith(FEW)
  await using agent = await startAgentProcess(folder)
  await using bare = await startBareRoute(await statusBytes(agent, folder))
  const target = statusOf(agent, folder)
  say(`status: ${FEW} profiles, ${SLICES} slices of ${SLICE_MS} ms each, agent and bare in turn`)
  const rates = await race({
    one: target,
    other: bare.target,
    connections: CONNECTIONS,
    slices: SLICES,
    sliceMs: SLICE_MS,
  })
  const ratios = rates.one.map((rate, slice) => rate / (rates.other[slice] ?? Number.NaN))

  say(`status: ${FEW} profiles, 200 requests/s, ${PACED_ROUNDS} rounds of ${ROUND_SECONDS} s each`)
  const pace = { requestsPerSecond: 200, seconds: ROUND_SECONDS }
  const rounds: { ours: PaceResult; theirs: PaceResult }[] = []
  for (let round = 0; round < PACED_ROUNDS; round++) {
    const theirs = await keepPace({ ...pace, target: bare.target })
    const ours = await keepPace({ ...pace, target })
    rounds.push({ ours, theirs })
  }
  const of = (pick: (round: (typeof rounds)[number]) => number) => median(rounds.map(pick))
  return [
    {
      measure: `GET status, ${FEW} profiles: requests/s of a bare route`,
      value: median(ratios),
      unit: '×',
      target: { atLeast: 0.5 },
      detail: `${digits(median(rates.one))}/s, bare ${digits(median(rates.other))}/s`,
    },
    {
      measure: `GET status, ${FEW} profiles: p99 at 200 requests/s`,
      value: of(({ ours }) => ours.p99Ms),
      unit: 'ms',
      target: { atMost: 10 },
      detail: `p50 ${digits(of(({ ours }) => ours.p50Ms))} ms, bare p99 ${digits(of(({ theirs }) => theirs.p99Ms))} ms`,
    },
  ]
}

async function withManyProfiles(say: Say): Promise<readonly Figure[]> {
  using folder = await folderWith(MANY)
  await using agent = await startAgentProcess(folder)
  say(`status: ${MANY} profiles, 20 requests/s for ${PACED_SECONDS} s`)
  const pace = { target: statusOf(agent, folder), requestsPerSecond: 20, seconds: PACED_SECONDS }
  const busy = watchProcessor(agent.pid)
  const result = await keepPace(pace)
  return [
    {
      measure: `GET status, ${MANY} profiles: p99 at 20 requests/s`,
      value: result.p99Ms,
      unit: 'ms',
      target: { atMost: 50 },
      detail: `p50 ${digits(result.p50Ms)} ms`,
    },
    {
      measure: `GET status, ${MANY} profiles: processor at 20 requests/s`,
      value: busy.percent(),
      unit: '%',
      target: { atMost: 10 },
      detail: 'of one core',
    },
  ]
}

function folderWith(count: number): Promise<DataFolder> {
  return prepareDataFolder({
    profiles: Array.from({ length: count }, (_, index) => exchangeOnlineProfile(index, 200)),
    scope: 'monitor',
  })
}

function statusOf(agent: AgentProcess, folder: DataFolder): LoadTarget & { authorization: string } {
  return { url: `${agent.url}/api/v1/status`, authorization: `Bearer ${folder.token}` }
}

async function statusBytes(agent: AgentProcess, folder: DataFolder): Promise<string> {
  const { url, authorization } = statusOf(agent, folder)
  const answer = await fetch(url, { headers: { authorization } })
  if (answer.status !== 200) throw new Error(`GET status answered ${answer.status}`)
  return answer.text()
}

async function startBareRoute(body: string) {
  const place = mkdtempSync(join(tmpdir(), 'postern-bench-body-'))
  const file = join(place, 'body.json')
  writeFileSync(file, body)
  const child = startChild(['bench/processes/bare-route.mjs', file], { NODE_ENV: 'production' })
  const { url } = await child.line(Listening)
  return {
    target: { url: `${url}/bare`, authorization: null },
    async [Symbol.asyncDispose]() {
      await child.stop()
      rmSync(place, { recursive: true, force: true })
    },
  }
}
