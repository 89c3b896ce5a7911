import { afterAll, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/platform/clock.ts'
import { type RehearsalNeed, startSandboxTenant } from '../../src/sandbox/index.ts'
import { type RehearsalBench, startRehearsalBench } from '../support/rehearsals.ts'

/** No check of a verification asks Graph; the renewal of a secret does, and tells the same diagnosis. */
const NOT_BY_VERIFICATION = [
  'graph_application_not_found',
  'graph_fault',
  'graph_permission_missing',
  'graph_secret_lifetime_refused',
  'graph_secret_type_refused',
  'graph_throttled',
  'graph_token_refused',
]

const REHEARSALS = await listRehearsals()
/** Codes that the agent has told as it should. */
const met = new Set<string>()

const held = new AsyncDisposableStack()
/** Those that no test is using: an agent and its tenant take one rehearsal at a time. */
const free: { needs: RehearsalNeed | null; bench: RehearsalBench }[] = []
afterAll(() => held.disposeAsync())

async function listRehearsals() {
  await using tenant = await startSandboxTenant({ clock: systemClock })
  return tenant.rehearsals
}

/** As many of a kind as rehearsals run at once. */
async function takeBench(needs: RehearsalNeed | null): Promise<RehearsalBench> {
  const at = free.findIndex((each) => each.needs === needs)
  const [found] = at < 0 ? [] : free.splice(at, 1)
  return found?.bench ?? held.use(await startRehearsalBench(needs))
}

describe.concurrent('every failure that can be rehearsed is told by the agent by its own code', () => {
  it.each(REHEARSALS)('$code: $title', async (rehearsal) => {
    const { code, needs } = rehearsal
    const bench = await takeBench(needs)
    const meeting = await bench.meet(rehearsal)
    free.push({ needs, bench })
    const { before, code: told, after } = meeting
    const outcomes = NOT_BY_VERIFICATION.includes(code)
      ? { before: null, after: null }
      : // A secret that Entra said had ended is a warning until it has worked again.
        { before: 'ok', after: code === 'secret_expired' ? 'warning' : 'ok' }
    const answers = JSON.stringify(meeting.told, null, 2)
    expect({ before, code: told, after }, answers).toEqual({ code, ...outcomes })
    met.add(code)
  })
})

describe('the rehearsals', () => {
  it('have all been met, each but those of Graph in a verification', () => {
    const codes = REHEARSALS.map(({ code }) => code)
    expect(`${met.size} of ${codes.length}`).toBe(`${codes.length} of ${codes.length}`)
    const ofGraph = REHEARSALS.filter(({ needs }) => needs === 'graph' || needs === 'renewal')
    expect(ofGraph.map(({ code }) => code).sort()).toEqual(NOT_BY_VERIFICATION)
  })
})
