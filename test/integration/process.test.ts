import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Sqlite from 'better-sqlite3'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { systemClock } from '../../src/platform/clock.ts'
import { type SandboxTenant, startSandboxTenant } from '../../src/sandbox/index.ts'
import { profileFor } from '../support/agent.ts'
import { createCall } from '../support/api.ts'
import { EARLY_PROFILE_ID } from '../support/early-profile.ts'
import { temporaryFolder } from '../support/folder.ts'
import { agentEnvironment, runPostern, startAgentProcess } from '../support/process.ts'

/** The line that tells of a profile that works. */
const HEALTHY = /"to":"ok".*"msg":"health changed"/

let tenant: SandboxTenant
beforeAll(async () => {
  tenant = await startSandboxTenant({ clock: systemClock })
})
afterAll(() => tenant[Symbol.asyncDispose]())
beforeEach(() => tenant.tenant.reset())

describe('a start', () => {
  it('makes the first admin token once, shows it once, and keeps it in a private file', async () => {
    using folder = temporaryFolder()
    const { POSTERN_ADMIN_TOKEN: _, ...env } = agentEnvironment(folder.path, tenant)
    const file = join(env['POSTERN_DATA_DIR'] ?? '', 'initial-admin-token')
    let token = ''
    {
      await using first = await startAgentProcess(env)
      const shown = [...first.stdout, ...first.stderr].filter((line) => line.includes('pst_'))
      expect(shown).toHaveLength(1)
      token = /pst_\S+/.exec(shown[0] ?? '')?.[0] ?? ''
      expect(shown[0]).toContain(file)
      expect(readFileSync(file, 'utf8').trim()).toBe(token)
      expect(statSync(file).mode & 0o777).toBe(0o600)
      const call = createCall({ url: first.url, token })
      expect((await call('GET', 'status')).status).toBe(200)
      first.kill('SIGTERM')
      expect(await first.ended).toEqual({ code: 0, signal: null })
    }
    await using second = await startAgentProcess(env)
    expect([...second.stdout, ...second.stderr].join('\n')).not.toContain('pst_')
    const call = createCall({ url: second.url, token })
    expect((await call('GET', 'status')).status).toBe(200)
  })

  it('is refused on the data folder of another agent, by name', async () => {
    using folder = temporaryFolder()
    const env = agentEnvironment(folder.path, tenant)
    await using first = await startAgentProcess(env)
    const second = await runPostern(['start'], env)
    expect(second.code).toBe(1)
    expect(second.stderr).toBe(
      `postern: ${/Another Postern agent is running on .*$/m.exec(second.stderr)?.[0]}`,
    )
    expect(second.stderr).toContain(`process ${first.pid}`)
    expect((await first.call('GET', 'status')).status).toBe(200)
  })

  it('stops at wrong settings with one line for each problem', async () => {
    using folder = temporaryFolder()
    const end = await runPostern(['start'], {
      ...agentEnvironment(folder.path, tenant),
      POSTERN_HTTP_PORT: 'eighty',
      POSTERN_MASTER_KEY: 'short',
      POSTERN_VERIFICATION_SCHEDULE: 'hourly',
      POSTERN_DATADIR: '/elsewhere',
      POSTERN_CA_FILE: join(folder.path, 'missing.pem'),
    })
    expect(end.code).toBe(2)
    const lines = end.stderr.split('\n')
    expect(lines).toHaveLength(5)
    for (const name of [
      'POSTERN_HTTP_PORT',
      'POSTERN_MASTER_KEY',
      'POSTERN_VERIFICATION_SCHEDULE',
      'POSTERN_DATADIR',
      'POSTERN_CA_FILE',
    ]) {
      expect(lines.filter((line) => line.startsWith(`postern: ${name} `))).toHaveLength(1)
    }
    expect(existsSync(join(folder.path, 'data'))).toBe(false)
  })

  it('stops at a port that is taken, and names it', async () => {
    using folder = temporaryFolder()
    const env = agentEnvironment(folder.path, tenant)
    const port = String(tenant.smtp.port)
    const end = await runPostern(['start'], { ...env, POSTERN_HTTP_PORT: port })
    expect(end.code).toBe(2)
    expect(end.stderr).toMatch(
      /^postern: Postern cannot listen on 127\.0\.0\.1:\d+: another program/,
    )
  })

  it('stops at a damaged database and leaves it as it is', async () => {
    using folder = temporaryFolder()
    const env = agentEnvironment(folder.path, tenant)
    const dataDir = env['POSTERN_DATA_DIR'] ?? ''
    await startAndStop(env)
    const file = join(dataDir, 'postern.db')
    const bytes = readFileSync(file)
    bytes.fill(0x5a, 0, 6_000)
    writeFileSync(file, bytes)
    const end = await runPostern(['start'], env)
    expect(end.code).toBe(1)
    expect(end.stderr).toMatch(/^postern: .*is damaged; it was not changed\. .*restore/)
    expect(readFileSync(file).equals(bytes)).toBe(true)
  })

  it('stops at the database of a newer version and leaves it as it is', async () => {
    using folder = temporaryFolder()
    const env = agentEnvironment(folder.path, tenant)
    await startAndStop(env)
    const file = join(env['POSTERN_DATA_DIR'] ?? '', 'postern.db')
    const sqlite = new Sqlite(file)
    const version = Number(sqlite.pragma('user_version', { simple: true }))
    sqlite.pragma('journal_mode = DELETE')
    sqlite.pragma(`user_version = ${version + 7}`)
    sqlite.close()
    const before = readFileSync(file)
    const end = await runPostern(['start'], env)
    expect(end.code).toBe(1)
    expect(end.stderr).toMatch(/^postern: .*newer/)
    expect(readFileSync(file).equals(before)).toBe(true)
  })

  it('with another master key says so, serves, and takes the secret again', async () => {
    using folder = temporaryFolder()
    const env = agentEnvironment(folder.path, tenant)
    {
      await using first = await startAgentProcess(env)
      expect((await first.call('POST', 'profiles', profileFor(tenant))).status).toBe(201)
      await first.line(HEALTHY)
      first.kill('SIGTERM')
      await first.ended
    }
    const otherKey = randomBytes(32).toString('base64')
    await using second = await startAgentProcess({ ...env, POSTERN_MASTER_KEY: otherKey })
    await second.line(/"msg":"stored secret sealed with another master key"/)
    const stored = (await second.call('GET', 'profiles/default')).body
    expect(stored.authentication.credential).toMatchObject({ set: true, readable: false })
    const report = (await second.call('POST', 'profiles/default/verify', {})).body
    expect(report.diagnosis).toMatchObject({ code: 'secret_unreadable', responsible: 'operator' })
    expect((await second.call('GET', 'alerts?state=open')).body.alerts).toMatchObject([
      { kind: 'secretUnreadable', severity: 'critical' },
    ])

    const again = profileFor(tenant)
    const saved = await second.call('PUT', 'profiles/default', again, { 'if-match': '*' })
    expect(saved.status, saved.text).toBe(200)
    expect(saved.body.authentication.credential.readable).toBe(true)
    expect((await second.call('POST', 'profiles/default/verify', {})).body.outcome).toBe('ok')
    await expect
      .poll(async () => (await second.call('GET', 'alerts?state=open')).body.alerts)
      .toEqual([])
  })
})

describe('SIGTERM', () => {
  it('during a verification ends the agent with exit code 0 and nothing half-written', async () => {
    using folder = temporaryFolder()
    const env = agentEnvironment(folder.path, tenant)
    const dataDir = env['POSTERN_DATA_DIR'] ?? ''
    tenant.tenant.patch({ entra: { fault: 'silent' } })
    {
      await using agent = await startAgentProcess(env)
      expect(
        (await agent.call('POST', 'profiles', { ...profileFor(tenant), id: EARLY_PROFILE_ID }))
          .status,
      ).toBe(201)
      await expect.poll(() => tenant.tenant.counters.tokenRequests).toBeGreaterThan(0)
      agent.kill('SIGTERM')
      expect(await agent.ended).toEqual({ code: 0, signal: null })
    }
    expect(readdirSync(dataDir).filter((name) => /-wal$|-shm$|-journal$/.test(name))).toEqual([])
    using sqlite = open(dataDir)
    expect(sqlite.get('select count(*) from profile')).toBe(1)
    expect(sqlite.get('select count(*) from report')).toBe(0)
    expect(sqlite.get('select count(*) from profile_health')).toBe(0)

    tenant.tenant.patch({ entra: { fault: 'none' } })
    await using next = await startAgentProcess(env)
    await next.line(HEALTHY)
    expect(
      (await next.call('GET', `profiles/${EARLY_PROFILE_ID}/reports`)).body.reports,
    ).toMatchObject([{ reason: 'started', outcome: 'ok' }])
  })

  it('answers whoever waits for a verification before it ends', async () => {
    using folder = temporaryFolder()
    await using agent = await startAgentProcess(agentEnvironment(folder.path, tenant))
    expect((await agent.call('POST', 'profiles', profileFor(tenant))).status).toBe(201)
    await agent.line(HEALTHY)
    tenant.tenant.patch({ entra: { fault: 'silent' } })
    const asked = tenant.tenant.counters.tokenRequests
    const waiting = agent.call('POST', 'profiles/default/verify', {})
    await expect.poll(() => tenant.tenant.counters.tokenRequests).toBe(asked + 1)
    const before = performance.now()
    agent.kill('SIGTERM')
    const answer = await waiting
    expect([answer.status, answer.body.code]).toEqual([503, 'verification_stopped'])
    expect(await agent.ended).toEqual({ code: 0, signal: null })
    // Container engines send SIGKILL after ten seconds.
    expect(performance.now() - before).toBeLessThan(5_000)
  })

  it('a second time does not wait for anybody', async () => {
    using folder = temporaryFolder()
    await using agent = await startAgentProcess(agentEnvironment(folder.path, tenant))
    expect((await agent.call('POST', 'profiles', profileFor(tenant))).status).toBe(201)
    await agent.line(HEALTHY)
    tenant.tenant.patch({ smtp: { fault: 'silent' } })
    const connections = tenant.tenant.counters.smtpConnections
    const waiting = agent.call('POST', 'profiles/default/test-email', { to: 'you@contoso.com' })
    waiting.catch(() => {})
    await expect.poll(() => tenant.tenant.counters.smtpConnections).toBeGreaterThan(connections)
    agent.kill('SIGTERM')
    await agent.line(/"msg":"stopping"/)
    agent.kill('SIGTERM')
    expect(await agent.ended).toEqual({ code: 143, signal: null })
    await expect(waiting).rejects.toThrow()
  })
})

async function startAndStop(env: Record<string, string>): Promise<void> {
  await using agent = await startAgentProcess(env)
  agent.kill('SIGTERM')
  await agent.ended
}

function open(dataDir: string) {
  const sqlite = new Sqlite(join(dataDir, 'postern.db'), { readonly: true })
  return {
    get: (sql: string) => sqlite.prepare(sql).pluck().get(),
    [Symbol.dispose]: () => void sqlite.close(),
  }
}
