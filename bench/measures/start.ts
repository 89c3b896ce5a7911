import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { pathToFileURL } from 'node:url'
import { systemClock } from '../../src/platform/clock.ts'
import { AGENT, agentEnvironment, whenReady } from '../agent-process.ts'
import { type Child, ROOT, startChild } from '../child.ts'
import { exchangeOnlineProfile, prepareDataFolder } from '../data-folder.ts'
import { freePort } from '../free-port.ts'
import { residentMb } from '../process-usage.ts'
import { digits, type Figure, type Measure, type Say } from '../report.ts'
import { median } from '../statistics.ts'

const PAIRS = 9
const PROFILES = 10
/** V8 gives memory back some seconds after the work that needed it. */
const SETTLE_MS = 10_000
const SAMPLES = 5

/** Start until /readyz answers, and memory at rest, beside a bare process with the same packages. */
export const start: Measure = {
  name: 'start',
  async run(say) {
    using folder = await prepareDataFolder({
      profiles: Array.from({ length: PROFILES }, (_, index) => exchangeOnlineProfile(index, 200)),
      scope: 'monitor',
    })
    const environment = {
      ...agentEnvironment(folder),
      // With the relay open, as it is by default.
      POSTERN_RELAY_PORT: String(await freePort()),
    }
    const packages = await startUpPackages(environment)
    say(`the agent imports ${packages.join(', ')}`)
    const startAgent = () => startChild(AGENT, environment)
    const startBare = () =>
      startChild(['bench/processes/bare-start.mjs', ...packages], { NODE_ENV: 'production' })
    return [
      await startTime(startAgent, startBare, say),
      await restingMemory(startAgent, startBare, say),
    ]
  },
}

async function startTime(
  startAgent: () => Child,
  startBare: () => Child,
  say: Say,
): Promise<Figure> {
  const pairs: { agent: number; bare: number }[] = []
  for (let pair = 0; pair <= PAIRS; pair++) {
    const bare = await untilReady(startBare)
    const agent = await untilReady(startAgent)
    // The first pair fills the caches of the disk.
    if (pair === 0) continue
    pairs.push({ agent, bare })
    say(`start: agent ${digits(agent)} ms, bare ${digits(bare)} ms`)
  }
  const agent = median(pairs.map((pair) => pair.agent))
  const bare = median(pairs.map((pair) => pair.bare))
  return {
    measure: 'start until /readyz, of a bare process',
    value: median(pairs.map((pair) => pair.agent / pair.bare)),
    unit: '×',
    target: { atMost: 2 },
    detail: `${digits(agent)} ms, bare ${digits(bare)} ms`,
  }
}

async function untilReady(begin: () => Child): Promise<number> {
  const startedAt = performance.now()
  const child = begin()
  await whenReady(child)
  const duration = performance.now() - startedAt
  await child.stop()
  return duration
}

async function restingMemory(
  startAgent: () => Child,
  startBare: () => Child,
  say: Say,
): Promise<Figure> {
  say(`memory: both rest for ${SETTLE_MS / 1_000} s`)
  await using agent = startAgent()
  await using bare = startBare()
  await Promise.all([whenReady(agent), whenReady(bare)])
  await systemClock.sleep(SETTLE_MS)
  const samples = { agent: [residentMb(agent.pid)], bare: [residentMb(bare.pid)] }
  for (let sample = 1; sample < SAMPLES; sample++) {
    await systemClock.sleep(500)
    samples.agent.push(residentMb(agent.pid))
    samples.bare.push(residentMb(bare.pid))
  }
  const [ours, theirs] = [median(samples.agent), median(samples.bare)]
  return {
    measure: 'memory at rest, of a bare process',
    value: ours / theirs,
    unit: '×',
    target: { atMost: 1.25 },
    detail: `${digits(ours)} MB, bare ${digits(theirs)} MB`,
  }
}

/** The packages that the agent's own files import until it is ready, as it really happens. */
async function startUpPackages(
  environment: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const place = mkdtempSync(join(tmpdir(), 'postern-bench-imports-'))
  const file = join(place, 'imports')
  const child = startChild(['--import', './bench/processes/record-imports.mjs', ...AGENT], {
    ...environment,
    BENCH_IMPORTS_FILE: file,
    BENCH_DIST_URL: pathToFileURL(join(ROOT, 'dist/')).href,
  })
  try {
    await whenReady(child)
    await child.stop()
    return [...new Set(readFileSync(file, 'utf8').trim().split('\n'))].sort()
  } finally {
    await child.stop('SIGKILL')
    rmSync(place, { recursive: true, force: true })
  }
}
