import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { systemClock } from '../../src/platform/clock.ts'
import { type SandboxTenant, startSandboxTenant } from '../../src/sandbox/index.ts'
import { profileFor } from '../support/agent.ts'
import { EARLY_PROFILE_ID } from '../support/early-profile.ts'
import { temporaryFolder } from '../support/folder.ts'
import { type AgentProcess, agentEnvironment, startAgentProcess } from '../support/process.ts'

/** The line that tells of a profile that works. */
const HEALTHY = /"to":"ok".*"msg":"health changed"/

let tenant: SandboxTenant
beforeAll(async () => {
  tenant = await startSandboxTenant({ clock: systemClock })
})
afterAll(() => tenant[Symbol.asyncDispose]())
beforeEach(() => tenant.tenant.reset())

/** The database as the crash has left it. */
function openLeft(dataDir: string) {
  const sqlite = new Sqlite(join(dataDir, 'postern.db'))
  return {
    value: (sql: string) => sqlite.prepare(sql).pluck().get(),
    values: (sql: string) => sqlite.prepare(sql).pluck().all(),
    isWhole: () => sqlite.pragma('integrity_check', { simple: true }) === 'ok',
    [Symbol.dispose]: () => void sqlite.close(),
  }
}

async function kill(agent: AgentProcess): Promise<void> {
  agent.kill('SIGKILL')
  expect((await agent.ended).signal).toBe('SIGKILL')
}

/** Does one thing after the other until the process is gone; the thing under way then fails. */
async function untilGone(work: (turn: number) => Promise<void>): Promise<void> {
  for (let turn = 1; ; turn++) {
    try {
      await work(turn)
    } catch (error) {
      if (error instanceof TypeError && error.message === 'fetch failed') return
      throw error
    }
  }
}

it('kill -9 during a verification leaves nothing of it, and the next start verifies', async () => {
  using folder = temporaryFolder()
  const env = agentEnvironment(folder.path, tenant)
  const dataDir = env['POSTERN_DATA_DIR'] ?? ''
  tenant.tenant.patch({ smtp: { fault: 'silent' } })
  {
    await using agent = await startAgentProcess(env)
    expect(
      (await agent.call('POST', 'profiles', { ...profileFor(tenant), id: EARLY_PROFILE_ID }))
        .status,
    ).toBe(201)
    await expect.poll(() => tenant.tenant.counters.smtpConnections).toBeGreaterThan(0)
    await kill(agent)
    expect(readFileSync(join(dataDir, 'agent.json'), 'utf8')).toContain(String(agent.pid))
  }
  {
    using left = openLeft(dataDir)
    expect(left.isWhole()).toBe(true)
    expect(left.value('select count(*) from profile')).toBe(1)
    expect(left.value('select count(*) from report')).toBe(0)
    expect(left.value('select count(*) from profile_health')).toBe(0)
  }
  tenant.tenant.patch({ smtp: { fault: 'none' } })
  await using next = await startAgentProcess(env)
  await next.line(HEALTHY)
  const { reports } = (await next.call('GET', `profiles/${EARLY_PROFILE_ID}/reports`)).body
  expect(reports).toMatchObject([{ reason: 'started', outcome: 'ok' }])
})

it('kill -9 among verifications keeps every report that was answered, each with its health', async () => {
  using folder = temporaryFolder()
  const env = agentEnvironment(folder.path, tenant)
  const dataDir = env['POSTERN_DATA_DIR'] ?? ''
  const ids = ['alpha', 'beta', 'gamma']
  const answered = new Set<string>()

  for (const roundsBefore of [3, 8]) {
    await using agent = await startAgentProcess(env)
    if (answered.size === 0) {
      for (const id of ids) await agent.call('POST', 'profiles', { ...profileFor(tenant), id })
    }
    const enough = answered.size + roundsBefore
    await Promise.all(
      ids.map((id) =>
        untilGone(async (turn) => {
          // Every second one hands a message over, and changes the last delivery as well.
          const body = turn % 2 === 0 ? { sendTo: 'you@contoso.com' } : {}
          const report = await agent.call('POST', `profiles/${id}/verify`, body)
          expect(report.body.outcome, report.text).toBe('ok')
          answered.add(report.body.id)
          if (answered.size >= enough) agent.kill('SIGKILL')
        }),
      ),
    )
    await agent.ended

    using left = openLeft(dataDir)
    expect(left.isWhole()).toBe(true)
    const stored = left.values('select id from report')
    for (const id of answered) expect(stored).toContain(id)
    for (const id of ids) {
      const newest = left.value(
        `select id from report where profile_id = '${id}' order by finished_at desc, rowid desc limit 1`,
      )
      expect(
        left.value(`select last_report_id from profile_health where profile_id = '${id}'`),
      ).toBe(newest ?? undefined)
    }
  }
})

it('kill -9 among profile changes keeps each change whole, with its secret and its record', async () => {
  using folder = temporaryFolder()
  const env = agentEnvironment(folder.path, tenant)
  const dataDir = env['POSTERN_DATA_DIR'] ?? ''
  let sent = 0
  let acknowledged = 0
  let firstVersion = 0
  /** Name and secret carry the same number. */
  const numbered = (n: number) => ({
    ...profileFor(tenant),
    senderDisplayName: `n-${n}`,
    authentication: Object.assign({}, profileFor(tenant)['authentication'], {
      credential: {
        type: 'clientSecret',
        value: `${String(n).padStart(3, '0')}~numbered-secret-of-this-test`,
      },
    }),
  })

  for (const changes of [5, 12]) {
    await using agent = await startAgentProcess(env)
    if (sent === 0) {
      const created = await agent.call('POST', 'profiles', numbered(0))
      expect(created.status).toBe(201)
      firstVersion = created.body.version
    } else {
      const { credential } = (await agent.call('GET', 'profiles/default')).body.authentication
      expect(credential).toMatchObject({ set: true, readable: true })
    }
    const enough = acknowledged + changes
    await untilGone(async () => {
      sent += 1
      const saved = agent.call('PUT', 'profiles/default', numbered(sent), { 'if-match': '*' })
      // While the answer is still under way.
      if (acknowledged >= enough) agent.kill('SIGKILL')
      const answer = await saved
      expect(answer.status, answer.text).toBe(200)
      acknowledged = sent
    })
    await agent.ended
    using left = openLeft(dataDir)
    expect(left.isWhole()).toBe(true)
    const stored = JSON.parse(String(left.value('select settings from profile')))
    const number = Number(stored.senderDisplayName.slice(2))
    expect(number).toBeGreaterThanOrEqual(acknowledged)
    expect(number).toBeLessThanOrEqual(sent)
    const hints = left.values("select hint from credential where state = 'active'")
    expect(hints).toEqual([String(number).padStart(3, '0')])
    const written =
      "select count(*) from audit where action in ('profile.created', 'profile.changed')"
    // One version and one record for each write, whole or not at all.
    const version = Number(left.value('select version from profile'))
    expect(left.value(written)).toBe(version - firstVersion + 1)
  }
})
