import { mkdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { systemClock } from '../../src/platform/clock.ts'
import { type SandboxTenant, startSandboxTenant } from '../../src/sandbox/index.ts'
import { INITIAL } from '../../src/sandbox/initial-state.ts'
import { startAgent, type TestAgent } from '../support/agent.ts'
import { runCommand } from '../support/cli.ts'
import { EARLY_PROFILE_ID } from '../support/early-profile.ts'
import { temporaryFolder } from '../support/folder.ts'
import { readMail } from '../support/mail.ts'

const NEW_SECRET = 'n3w8Q~the-second-secret-of-this-app-77'

/** A folder as Kubernetes mounts a config map or secret: its files are links through `..data`, which is swapped. */
function mountedFolder(path: string) {
  let generation = 0
  mkdirSync(path)
  return {
    path,
    /** All files at once, as the kubelet does it. */
    put(files: Readonly<Record<string, string>>): void {
      const folder = `..generation-${++generation}`
      mkdirSync(join(path, folder))
      for (const [name, text] of Object.entries(files)) {
        writeFileSync(join(path, folder, name), text)
        if (generation === 1) symlinkSync(join('..data', name), join(path, name))
      }
      symlinkSync(folder, join(path, '..data_tmp'))
      renameSync(join(path, '..data_tmp'), join(path, '..data'))
    },
  }
}

function yaml(
  tenant: SandboxTenant,
  secretFile: string,
  more: Record<string, string> = {},
): string {
  const { senderDisplayName = 'Process Alerts', port = String(tenant.smtp.port) } = more
  return `profiles:
  - id: ${EARLY_PROFILE_ID}
    senderDisplayName: ${senderDisplayName}
    senderEmailAddress: ${tenant.mailbox}
    subjectPrefix: "[Process] "
    errorEmailAddress: it@contoso.com
    server: { host: localhost, port: ${port}, security: starttls }
    authentication:
      type: exchangeOnline
      cloud: custom
      authority: ${tenant.authority}
      scope: ${tenant.exchangeScope}
      graphUrl: ${tenant.graphUrl}
      tenantId: ${tenant.tenantId}
      clientId: ${tenant.clientId}
      credential: { type: clientSecret, valueFile: ${secretFile}, expiresAt: 2099-01-01 }
`
}

async function startSynced() {
  await using opened = new AsyncDisposableStack()
  const folder = opened.use(temporaryFolder())
  const tenant = opened.use(await startSandboxTenant({ clock: systemClock }))
  const config = mountedFolder(join(folder.path, 'config'))
  const secrets = mountedFolder(join(folder.path, 'secrets'))
  const settingsFile = join(config.path, 'postern.yaml')
  const secretFile = join(secrets.path, 'client-secret')
  const putSettings = (more?: Record<string, string>) =>
    config.put({ 'postern.yaml': yaml(tenant, secretFile, more) })
  putSettings()
  secrets.put({ 'client-secret': `${tenant.clientSecret}\n` })
  const data = opened.use(temporaryFolder())
  const start = () => startAgent({ tenant, folder: data, config: { settingsFile } })
  const held = opened.move()
  return {
    ...{ tenant, config, secrets, settingsFile, putSettings, start, dataDir: data.path },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

async function shown(agent: TestAgent) {
  return (await agent.call('GET', `profiles/${EARLY_PROFILE_ID}`)).body
}

async function healthOf(agent: TestAgent): Promise<string> {
  return (await agent.call('GET', 'status')).body.profiles[0].health
}

it('a settings file fills an empty agent, and its profiles are changed there alone', async () => {
  await using synced = await startSynced()
  await using agent = await synced.start()
  await agent.agent.idle()
  expect(await healthOf(agent)).toBe('ok')
  expect(await shown(agent)).toMatchObject({ managed: true })
  expect((await agent.call('GET', 'sync')).body).toMatchObject({
    configured: true,
    file: synced.settingsFile,
    inSync: true,
    lastRun: { outcome: 'applied', changes: { create: [EARLY_PROFILE_ID] }, problems: [] },
  })
  for (const [method, body] of [
    ['PUT', agent.profile()],
    ['DELETE', undefined],
  ] as const) {
    const refused = await agent.call(method, `profiles/${EARLY_PROFILE_ID}`, body, {
      'if-match': '*',
    })
    expect([refused.status, refused.body.code]).toEqual([409, 'profile_managed'])
    expect(refused.body.detail).toContain(synced.settingsFile)
  }
  const { entries } = (await agent.call('GET', 'audit?targetType=profile')).body
  expect(entries).toMatchObject([{ action: 'profile.created', actor: { type: 'settingsFile' } }])
})

it('takes a swapped config map and a swapped secret over and verifies them', async () => {
  await using synced = await startSynced()
  await using agent = await synced.start()
  await agent.agent.idle()
  synced.putSettings({ senderDisplayName: 'Night Shift' })
  await expect.poll(async () => (await shown(agent)).senderDisplayName).toBe('Night Shift')
  await agent.agent.idle()

  const { tenant, clientId } = synced.tenant
  const secret = { [INITIAL.secretKeyId]: { value: NEW_SECRET } }
  tenant.patch({ apps: { [clientId]: { secrets: secret } } })
  const { tokensIssued } = tenant.counters
  synced.secrets.put({ 'client-secret': `${NEW_SECRET}\n` })
  await expect
    .poll(async () => (await shown(agent)).authentication.credential.hint)
    .toBe(NEW_SECRET.slice(0, 3))
  await agent.agent.idle()
  expect(tenant.counters.tokensIssued).toBe(tokensIssued + 1)
  expect(await healthOf(agent)).toBe('ok')
  const sent = await agent.call('POST', `profiles/${EARLY_PROFILE_ID}/test-email`, {
    to: 'you@contoso.com',
  })
  expect(sent.status).toBe(200)
})

it('a wrong file changes nothing, is told by line and mail, and the all-clear follows the correction', async () => {
  await using synced = await startSynced()
  await using agent = await synced.start()
  await agent.agent.idle()
  const before = await shown(agent)
  synced.putSettings({ senderDisplayName: 'Never Applied', port: '99999' })
  const alerts = async (state: string) =>
    (await agent.call('GET', `alerts?state=${state}`)).body.alerts
  await expect.poll(async () => (await alerts('open')).length).toBe(1)
  await agent.agent.idle()

  const line = `${synced.settingsFile}:7:32: `
  const [alert] = await alerts('open')
  expect(alert).toMatchObject({ kind: 'settingsFile', profileId: null, severity: 'warning' })
  const status = (await agent.call('GET', 'status')).body
  expect(status.status).toBe('warning')
  expect(status.problems).toEqual([expect.stringContaining(line)])
  const { lastRun, inSync, lastApplied } = (await agent.call('GET', 'sync')).body
  expect(lastRun).toMatchObject({ outcome: 'refused', problems: status.problems })
  expect([inSync, lastApplied.hash === lastRun.hash]).toEqual([false, false])
  expect(await shown(agent)).toEqual(before)
  const wait = AbortSignal.timeout(30_000)
  const { inbox } = synced.tenant.tenant
  const mail = readMail(
    (await inbox.waitFor((m) => m.envelope.to.includes('it@contoso.com'), wait)).raw,
  )
  expect(mail.text).toContain(status.problems[0])

  // A restart with the wrong file goes on with what was applied.
  await agent[Symbol.asyncDispose]()
  await using again = await synced.start()
  expect(await shown(again)).toEqual(before)
  expect((await again.call('GET', 'status')).body.problems).toEqual(status.problems)

  synced.putSettings({ senderDisplayName: 'Corrected' })
  await expect.poll(async () => (await shown(again)).senderDisplayName).toBe('Corrected')
  await expect
    .poll(async () => (await again.call('GET', 'alerts?state=open')).body.alerts)
    .toEqual([])
  await expect.poll(async () => (await again.call('GET', 'status')).body.problems).toEqual([])
})

it('postern sync --check prints the plan and exits with 1 when there is one', async () => {
  await using synced = await startSynced()
  const env = {
    POSTERN_DATA_DIR: synced.dataDir,
    POSTERN_SETTINGS_FILE: synced.settingsFile,
    POSTERN_ALLOW_CUSTOM_CLOUD: 'true',
  }
  const first = await runCommand(['sync', '--check'], env)
  expect(first).toMatchObject({ code: 1, stdout: `would create ${EARLY_PROFILE_ID}\n`, stderr: '' })
  await using agent = await synced.start()
  await agent.agent.idle()
  const before = await shown(agent)
  const none = await runCommand(['sync', '--check'], env)
  expect(none).toMatchObject({ code: 0, stdout: 'The stored profiles are what the file says.\n' })
  expect(await shown(agent)).toEqual(before)

  await agent[Symbol.asyncDispose]()
  synced.putSettings({ senderDisplayName: 'Night Shift' })
  const changed = await runCommand(['sync', '--check', '--json'], env)
  expect(changed.code).toBe(1)
  expect(JSON.parse(changed.stdout)).toMatchObject({
    inSync: false,
    applied: false,
    changes: {
      create: [],
      change: [{ id: EARLY_PROFILE_ID, fields: ['senderDisplayName'] }],
      remove: [],
    },
  })
  synced.putSettings({ port: '0' })
  const wrong = await runCommand(['sync', '--check'], env)
  expect(wrong.code).toBe(2)
  expect(wrong.stderr).toContain(`${synced.settingsFile}:7:32: `)
})
