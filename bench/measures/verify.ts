import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { type Static, Type } from 'typebox'
import { Value } from 'typebox/value'
import { systemClock } from '../../src/platform/clock.ts'
import { type AgentProcess, startAgentProcess } from '../agent-process.ts'
import { startChild } from '../child.ts'
import { type DataFolder, guid, prepareDataFolder, profileId, secretValue } from '../data-folder.ts'
import { residentMb } from '../process-usage.ts'
import { digits, type Measure } from '../report.ts'

const PROFILES = 1_000
/** POSTERN_VERIFICATION_CONCURRENCY, its default. */
const CONFIGURED = 8
/** Requests of the API under way at once: enough that the agent never waits for more. */
const ASKED_AT_ONCE = 32
const SETTLE_MS = 3_000
const SAMPLE_EVERY_MS = 200

const TenantFacts = Type.Object({
  authority: Type.String(),
  graphUrl: Type.String(),
  controlUrl: Type.String(),
  smtp: Type.Object({ host: Type.String(), port: Type.Integer() }),
  caPem: Type.String(),
  tenantId: Type.String(),
  exchangeScope: Type.String(),
})
type TenantFacts = Static<typeof TenantFacts>

const Counters = Type.Object({
  tokensIssued: Type.Integer(),
  authAttempts: Type.Integer(),
  smtpMaxOpenConnections: Type.Integer(),
})

const ReportAnswer = Type.Object({ outcome: Type.String() })

/** A thousand profiles, each with an application of its own: token, STARTTLS and AUTH against a simulated tenant. */
export const verify: Measure = {
  name: 'verify',
  async run(say) {
    await using child = startChild(['bench/processes/tenant.ts', String(PROFILES)], {
      NODE_OPTIONS: '',
    })
    const tenant = await child.line(TenantFacts)
    using folder = await prepareDataFolder({
      profiles: Array.from({ length: PROFILES }, (_, index) => profileAt(tenant, index)),
      scope: 'operator',
    })
    using caFile = temporaryFile('ca.pem', tenant.caPem)
    await using agent = await startAgentProcess(folder, {
      POSTERN_CA_FILE: caFile.path,
      POSTERN_ALLOW_CUSTOM_CLOUD: 'true',
      POSTERN_VERIFICATION_CONCURRENCY: String(CONFIGURED),
    })
    await systemClock.sleep(SETTLE_MS)

    const before = residentMb(agent.pid)
    say(`verify: ${PROFILES} profiles, memory before ${digits(before)} MB`)
    using memory = watchMemory(agent.pid)
    const startedAt = performance.now()
    await verifyAll(agent, folder)
    const seconds = (performance.now() - startedAt) / 1_000
    const growth = memory.highest() - before

    const answer = await fetch(`${tenant.controlUrl}/counters`)
    const counters = Value.Parse(Counters, await answer.json())
    if (counters.tokensIssued < PROFILES || counters.authAttempts < PROFILES) {
      throw new Error(`not every profile was verified whole: ${JSON.stringify(counters)}`)
    }
    return [
      {
        measure: `${PROFILES} profiles verified`,
        value: seconds,
        unit: 's',
        target: { atMost: 60 },
        detail: `token, STARTTLS and AUTH; ${digits(PROFILES / seconds)}/s`,
      },
      {
        measure: `${PROFILES} profiles verified: growth of memory`,
        value: growth,
        unit: 'MB',
        target: { atMost: 60 },
        detail: `from ${digits(before)} MB at rest to the highest of the run`,
      },
      {
        measure: `${PROFILES} profiles verified: SMTP connections at once`,
        value: counters.smtpMaxOpenConnections,
        unit: 'connections',
        target: { atMost: CONFIGURED },
        detail: 'as the server counted them',
      },
    ]
  },
}

async function verifyAll(agent: AgentProcess, folder: DataFolder): Promise<void> {
  const indices = Array.from({ length: PROFILES }, (_, index) => index).values()
  const worker = async () => {
    for (const index of indices) {
      const answer = await fetch(`${agent.url}/api/v1/profiles/${profileId(index)}/verify`, {
        method: 'POST',
        headers: { authorization: `Bearer ${folder.token}`, 'content-type': 'application/json' },
        body: '{}',
      })
      const text = await answer.text()
      const report: unknown = JSON.parse(text)
      if (!Value.Check(ReportAnswer, report) || report.outcome !== 'ok') {
        throw new Error(`the verification of ${profileId(index)} failed: ${text}`)
      }
    }
  }
  await Promise.all(Array.from({ length: ASKED_AT_ONCE }, worker))
}

function profileAt(tenant: TenantFacts, index: number): unknown {
  return {
    id: profileId(index),
    senderDisplayName: `Process Alerts ${index}`,
    senderEmailAddress: `${profileId(index)}@contoso.com`,
    subjectPrefix: '',
    errorEmailAddress: null,
    server: { ...tenant.smtp, security: 'starttls' },
    authentication: {
      type: 'exchangeOnline',
      cloud: 'custom',
      authority: tenant.authority,
      graphUrl: tenant.graphUrl,
      scope: tenant.exchangeScope,
      tenantId: tenant.tenantId,
      clientId: guid(index),
      credential: { type: 'clientSecret', value: secretValue(index), expiresAt: '2099-01-01' },
    },
  }
}

function watchMemory(pid: number): Disposable & { highest(): number } {
  let highest = residentMb(pid)
  const timer = setInterval(() => {
    highest = Math.max(highest, residentMb(pid))
  }, SAMPLE_EVERY_MS)
  return {
    highest: () => Math.max(highest, residentMb(pid)),
    [Symbol.dispose]: () => clearInterval(timer),
  }
}

function temporaryFile(name: string, text: string): Disposable & { path: string } {
  const place = mkdtempSync(join(tmpdir(), 'postern-bench-'))
  const path = join(place, name)
  writeFileSync(path, text)
  return { path, [Symbol.dispose]: () => rmSync(place, { recursive: true, force: true }) }
}
