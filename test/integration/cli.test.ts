import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { DAY_MS, HOUR_MS, systemClock, toIsoDay } from '../../src/platform/clock.ts'
import { type SandboxTenant, startSandboxTenant } from '../../src/sandbox/index.ts'
import { profileFor, startAgent, type TestAgent } from '../support/agent.ts'
import { createCall } from '../support/api.ts'
import { runCommand } from '../support/cli.ts'
import { closedPort } from '../support/closed-port.ts'
import { type TemporaryFolder, temporaryFolder } from '../support/folder.ts'
import { createMovableClock } from '../support/movable-clock.ts'
import { runPostern, startPostern } from '../support/process.ts'

let tenant: SandboxTenant
let agent: TestAgent
let folder: TemporaryFolder
let env: Record<string, string>
beforeAll(async () => {
  tenant = await startSandboxTenant({ clock: systemClock })
  folder = temporaryFolder()
  // Stored hours ago: none of Microsoft's servers can still have older settings.
  const clock = createMovableClock(-3 * HOUR_MS)
  agent = await startAgent({ tenant, folder, clock })
  const caFile = join(folder.path, 'ca.pem')
  writeFileSync(caFile, tenant.caPem)
  env = {
    POSTERN_DATA_DIR: folder.path,
    POSTERN_CA_FILE: caFile,
    POSTERN_ALLOW_CUSTOM_CLOUD: 'true',
  }
  await agent.call('POST', 'profiles', agent.profile())
  await agent.agent.idle()
  clock.pass(3 * HOUR_MS)
})
afterAll(async () => {
  await agent[Symbol.asyncDispose]()
  folder[Symbol.dispose]()
  await tenant[Symbol.asyncDispose]()
})
beforeEach(() => {
  tenant.tenant.reset()
  // As in startAgent: an end that Graph tells would be mailed, too.
  tenant.tenant.patch({ apps: { [tenant.clientId]: { graphRoles: [] } } })
})

describe('doctor', () => {
  it('beside a running agent proves what is stored and stores nothing', async () => {
    const before = (await agent.call('GET', 'profiles/default/reports')).body
    const { code, stdout, stderr } = await runCommand(['doctor'], env)
    expect([code, stderr]).toEqual([0, ''])
    const lines = stdout.trimEnd().split('\n')
    expect(lines[0]).toBe('OK: 1 profile verified.')
    expect(lines).toContain('Profile “default” (alerts@contoso.com)')
    expect(lines.filter((line) => line.startsWith('  ok   '))).toHaveLength(10)
    expect(stdout).toContain('Not proven by this run: Mailbox permission')
    expect((await agent.call('GET', 'profiles/default/reports')).body).toEqual(before)
    expect(tenant.tenant.inbox.list()).toEqual([])
  })

  it('with --send-to hands over a real message', async () => {
    const { code, stdout } = await runCommand(
      ['doctor', 'default', '--send-to', 'you@contoso.com'],
      env,
    )
    expect(code).toBe(0)
    expect(stdout).toMatch(/ok {3}Server takes the message over {2}250 2\.0\.0 OK/)
    expect(tenant.tenant.inbox.list()).toMatchObject([{ envelope: { to: ['you@contoso.com'] } }])
  })

  it('warns with exit code 1 when the secret ends soon', async () => {
    await using other = await startAgent({ tenant })
    const profile = profileFor(tenant)
    const expiresAt = toIsoDay(systemClock.now() + 6 * DAY_MS)
    const credential = { type: 'clientSecret', value: tenant.clientSecret, expiresAt }
    Object.assign(Object(profile['authentication']), { credential })
    await other.call('POST', 'profiles', profile)
    const { code, stdout } = await runCommand(['doctor'], {
      ...env,
      POSTERN_DATA_DIR: other.dataDir,
    })
    expect(code).toBe(1)
    expect(stdout).toContain(`The client secret ends in 6 days, on ${expiresAt} (UTC).`)
    expect(stdout).toMatch(
      /^WARNING: default: The client secret ends in 6 days, .*1 profile verified\.\n/,
    )
  })

  it('says what is broken in the words of the API, with exit code 2', async () => {
    tenant.tenant.patch({ tenant: { smtpAuthDisabled: true } })
    const plain = await runCommand(['doctor'], env)
    const asJson = await runCommand(['doctor', '--json'], env)
    expect([plain.code, asJson.code]).toEqual([2, 2])
    const told = JSON.parse(asJson.stdout)
    expect(told).toMatchObject({ status: 'critical', profiles: [{ id: 'default' }] })
    const { diagnosis } = told.profiles[0].report
    expect(diagnosis.code).toBe('smtp_auth_disabled_for_tenant')
    const api = (await agent.call('POST', 'profiles/default/verify', {})).body.diagnosis
    const words = ({ summary, cause, responsible, remedy, commands }: typeof api) => ({
      ...{ summary, cause, responsible, remedy, commands },
    })
    expect(words(diagnosis)).toEqual(words(api))
    for (const sentence of [api.summary, api.cause, 'the Exchange administrator', api.remedy]) {
      expect(plain.stdout.replace(/\s+/g, ' ')).toContain(sentence)
    }
    expect(plain.stdout.split('\n')[0]).toBe(
      `CRITICAL: default: ${api.summary} 1 profile verified.`,
    )
  })

  it('works without an agent', async () => {
    using alone = temporaryFolder()
    {
      await using stopped = await startAgent({ tenant, folder: alone })
      await stopped.call('POST', 'profiles', stopped.profile())
    }
    const end = await runCommand(['doctor'], { ...env, POSTERN_DATA_DIR: alone.path })
    expect(end.code).toBe(0)
  })

  it('answers with exit code 3 what it cannot know', async () => {
    using empty = temporaryFolder()
    const nothing = await runCommand(['doctor'], { ...env, POSTERN_DATA_DIR: empty.path })
    expect(nothing.code).toBe(3)
    expect(nothing.stdout).toMatch(/^UNKNOWN: There is no Postern database in /)
    const asJson = await runCommand(['doctor', '--json'], {
      ...env,
      POSTERN_DATA_DIR: empty.path,
    })
    expect([asJson.code, asJson.stderr]).toEqual([3, ''])
    expect(JSON.parse(asJson.stdout)).toMatchObject({ status: 'unknown' })
    const unknown = await runCommand(['doctor', 'nobody'], env)
    expect([unknown.code, unknown.stdout]).toEqual([
      3,
      expect.stringContaining('There is no profile “nobody”.'),
    ])
    await using unused = await startAgent({ tenant })
    const mistyped = await runCommand(['doctor', '--sendto', 'x'], env)
    expect([mistyped.code, mistyped.stdout]).toEqual([3, ''])
    expect(mistyped.stderr).toContain("Unknown option '--sendto'")
    const none = await runCommand(['doctor'], { ...env, POSTERN_DATA_DIR: unused.dataDir })
    expect([none.code, none.stdout]).toEqual([3, 'UNKNOWN: no profile is stored yet.\n'])
  })
})

describe('token', () => {
  it('made and revoked by another process counts at once in the running agent', async () => {
    const created = await runPostern(['token', 'create', 'grafana', '--scope', 'monitor'], env)
    expect([created.code, created.stderr]).toEqual([0, ''])
    expect(created.stdout).toMatch(/^pst_[A-Za-z0-9_-]{43}$/)
    const call = createCall({ url: agent.url, token: created.stdout })
    expect((await call('GET', 'status')).status).toBe(200)
    const forbidden = await call('POST', 'profiles/default/verify', {})
    expect(forbidden.status).toBe(403)

    const list = await runPostern(['token', 'list', '--json'], env)
    const { tokens } = JSON.parse(list.stdout)
    const mine = tokens.find((token: { name: string }) => token.name === 'grafana')
    expect(mine).toMatchObject({ scopes: ['monitor'], revokedAt: null, createdBy: 'command line' })
    expect(list.stdout).not.toContain(created.stdout)

    const revoked = await runPostern(['token', 'revoke', mine.id], env)
    expect([revoked.code, revoked.stdout]).toEqual([0, `Token ${mine.id} is revoked.`])
    expect((await call('GET', 'status')).status).toBe(401)
    const { entries } = (await agent.call('GET', `audit?targetType=token&targetId=${mine.id}`)).body
    expect(entries).toMatchObject([
      { action: 'token.revoked', actor: { type: 'cli' } },
      { action: 'token.created', actor: { type: 'cli' } },
    ])
  })

  it('shows a table to people', async () => {
    const created = await runCommand(
      ['token', 'create', 'app', '--scope', 'send,monitor', '--expires-at', '2099-12-31', '--json'],
      env,
    )
    const token = JSON.parse(created.stdout)
    expect(token.expiresAt).toMatch(/^2099-12-31T/)
    const { stdout } = await runCommand(['token', 'list'], env)
    const lines = stdout.trimEnd().split('\n')
    expect(lines[0]).toMatch(/^ID +NAME +SCOPES +TOKEN +EXPIRES +LAST USED +STATE$/)
    const row = lines.find((line) => line.startsWith(token.id))
    expect(row).toMatch(/ app +send,monitor +pst_\S+… +2099-12-31T\S+ +never +valid$/)
  })

  it.each([
    [['token'], 'say what to do'],
    [['token', 'create'], 'name the token'],
    [['token', 'create', 'x'], '--scope'],
    [['token', 'create', 'x', '--scope', 'root'], '"root" is no scope'],
    [['token', 'create', 'x', '--scope', 'send', '--expires-at', '2001-01-01'], 'in the future'],
    [['token', 'revoke'], 'by its id'],
  ])('%j says what is missing, with exit code 2', async (argv, words) => {
    const { code, stdout, stderr } = await runCommand(argv, env)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(words)
  })

  it('revoking a token that does not exist fails with exit code 1', async () => {
    const { code, stderr } = await runCommand(['token', 'revoke', 'nobody'], env)
    expect([code, stderr]).toEqual([1, expect.stringContaining('There is no token with this id')])
  })
})

describe('healthcheck', () => {
  it('asks the agent on this machine', async () => {
    const { port } = new URL(agent.url)
    const ready = await runCommand(['healthcheck'], { ...env, POSTERN_HTTP_PORT: port })
    expect(ready).toEqual({ code: 0, stdout: 'ready\n', stderr: '' })
    const asJson = await runCommand(['healthcheck', '--json'], {
      ...env,
      POSTERN_HTTP_PORT: port,
      POSTERN_HTTP_HOST: '0.0.0.0',
    })
    expect(JSON.parse(asJson.stdout)).toMatchObject({ ready: true, status: 200 })
  })

  it('fails with exit code 1 where nobody answers', async () => {
    const port = String(await closedPort())
    const end = await runCommand(['healthcheck'], { ...env, POSTERN_HTTP_PORT: port })
    expect(end.code).toBe(1)
    expect(end.stdout).toMatch(new RegExp(`^not ready: .*ECONNREFUSED.*${port}`))
  })
})

describe('the command line itself', () => {
  it('tells its version', async () => {
    const { version } = JSON.parse(readFileSync('package.json', 'utf8'))
    const plain = await runPostern(['version'], {})
    expect(plain).toMatchObject({ code: 0, stdout: expect.stringContaining(`postern ${version}`) })
    const asJson = await runCommand(['version', '--json'])
    expect(JSON.parse(asJson.stdout)).toMatchObject({ version })
    expect((await runCommand(['--version'])).stdout).toBe((await runCommand(['version'])).stdout)
  })

  it('helps with exit code 0 when asked, and with 2 when nothing was said', async () => {
    const asked = await runCommand(['--help'])
    const silent = await runCommand([])
    expect([asked.code, silent.code]).toEqual([0, 2])
    expect(silent.stdout).toBe(asked.stdout)
    for (const argv of [
      ['doctor', '--help'],
      ['doctor', '-h'],
      ['help', 'doctor'],
    ]) {
      const help = await runCommand(argv)
      expect([help.code, help.stderr]).toEqual([0, ''])
      expect(help.stdout).toContain('--send-to ADDRESS')
    }
  })

  it.each([
    [['dokter'], 'there is no command "dokter"'],
    [['token', '--scopes', 'x'], "Unknown option '--scopes'"],
    [['token', 'create', '--scope'], '--scope'],
    [['token', 'list', 'one', 'two'], 'too many arguments: two'],
    [['version', 'please'], 'please'],
    [['start', '--port', '80'], '--port'],
  ])('refuses %j in one line with exit code 2', async (argv, words) => {
    const { code, stdout, stderr } = await runCommand(argv, env)
    expect([code, stdout]).toEqual([2, ''])
    expect(stderr).toContain(words)
    expect(stderr.trimEnd().split('\n')).toHaveLength(1)
  })
})

describe('sandbox', () => {
  const KEYS = [
    'url',
    'adminToken',
    'controlUrl',
    'smtp',
    'authority',
    'graphUrl',
    'caFile',
    'tenantId',
    'clientId',
    'clientSecret',
    'mailbox',
    'relay',
  ]

  it('with --json prints one line, serves, and ends on Ctrl-C with exit code 0', async () => {
    await using child = startPostern(['sandbox', '--json'], {})
    const facts = JSON.parse(await child.line(/^\{"url"/))
    expect(Object.keys(facts)).toEqual(KEYS)
    expect(Object.keys(facts.smtp)).toEqual(['host', 'port'])
    expect(facts.relay).toEqual({ host: '127.0.0.1', port: expect.any(Number) })
    expect(readFileSync(facts.caFile, 'utf8')).toContain('BEGIN CERTIFICATE')
    const call = createCall({ url: facts.url, token: facts.adminToken })
    expect((await call('GET', 'status')).body).toMatchObject({
      status: 'warning',
      relay: { address: `127.0.0.1:${facts.relay.port}`, problem: null },
      profiles: [{ id: 'default', health: 'ok', credential: { daysLeft: 12 }, openAlerts: 1 }],
    })
    const inbox: unknown = await (await fetch(`${facts.controlUrl}/inbox`)).json()
    expect(inbox).toHaveLength(3)
    await fetch(`${facts.controlUrl}/state`, {
      method: 'PUT',
      body: JSON.stringify({ tenant: { smtpAuthDisabled: true } }),
    })
    const report = (await call('POST', 'profiles/default/verify', {})).body
    expect(report.diagnosis.code).toBe('smtp_auth_disabled_for_tenant')

    child.kill('SIGINT')
    expect(await child.ended).toEqual({ code: 0, signal: null })
    expect(child.stdout).toHaveLength(1)
    expect(existsSync(dirname(facts.caFile))).toBe(false)
  })

  it('tells the story in plain lines where there is no terminal', async () => {
    await using child = startPostern(['sandbox'], { POSTERN_LOG_LEVEL: 'silent' })
    await child.line(/^Ready\./)
    child.kill('SIGINT')
    expect((await child.ended).code).toBe(0)
    const told = child.stdout.join('\n')
    const steps = [
      'Profile “default” stored',
      'Microsoft Entra issues a token',
      'Server accepts the login',
      'Server accepted the message',
      'It arrived in the simulated inbox',
      'Relay accepted the message',
      'from alerts@contoso.com, logged in with OAuth',
      'ends in 12 days',
      'Its mail arrived at the error address',
      'curl -s -H',
      'curl -s smtp://127.0.0.1:',
      'Stopping.',
    ]
    const places = steps.map((step) => told.indexOf(step))
    expect(places.every((place) => place >= 0)).toBe(true)
    expect(places).toEqual(places.toSorted((a, b) => a - b))
    expect(told).not.toContain('\u001b')
    expect(child.stderr).toEqual([])
  })

  it('takes other ports where another one runs already', async () => {
    await using first = startPostern(['sandbox', '--json'], {})
    const one = JSON.parse(await first.line(/^\{"url"/))
    await using second = startPostern(['sandbox', '--json'], {})
    const other = JSON.parse(await second.line(/^\{"url"/))
    expect(other.url).not.toBe(one.url)
    expect(other.relay.port).not.toBe(one.relay.port)
  })

  it('starts again on a data folder that it has used before', async () => {
    using used = temporaryFolder()
    const kept = {
      POSTERN_DATA_DIR: used.path,
      POSTERN_ADMIN_TOKEN: 'sandbox-admin-token-0123456789',
    }
    for (let run = 0; run < 2; run++) {
      await using child = startPostern(['sandbox', '--json'], kept)
      const facts = JSON.parse(await child.line(/^\{"url"/))
      const call = createCall({ url: facts.url, token: facts.adminToken })
      expect((await call('GET', 'status')).body.profiles[0].health).toBe('ok')
      expect((await call('GET', 'relay-clients')).body.clients).toHaveLength(1)
      child.kill('SIGINT')
      expect((await child.ended).code).toBe(0)
    }
  })
})
