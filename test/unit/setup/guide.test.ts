import { describe, expect, it } from 'vitest'
import { type Clock, systemClock } from '../../../src/platform/clock.ts'
import type { SandboxTenant } from '../../../src/sandbox/index.ts'
import type { SetupGuide, SetupStep } from '../../../src/setup/index.ts'
import { startAgent, type TestAgent } from '../../support/agent.ts'
import { readPowerShell } from './powershell-reader.ts'

const HOUR_MS = 3_600_000
const WRONG_OBJECT_ID = '3e81c5f7-9d24-4b6a-a0c3-71f5e2d8964b'

interface Bench {
  readonly running: TestAgent
  readonly tenant: SandboxTenant
  guide(): Promise<SetupGuide>
  /** By id: `done`, `todo`, … */
  states(): Promise<Record<string, string>>
  step(id: string): Promise<SetupStep>
  verify(sendTo?: string): Promise<void>
  /** Lets time pass for the agent and the tenant alike. */
  pass(ms: number): void
  [Symbol.asyncDispose](): PromiseLike<void>
}

/** The whole agent with one profile, against a tenant that `patch` has prepared. */
async function startBench(
  options: { patch?: object; profile?: Record<string, unknown> } = {},
): Promise<Bench> {
  let offsetMs = 0
  const clock: Clock = {
    ...systemClock,
    now: () => systemClock.now() + offsetMs,
  }
  const running = await startAgent({ clock })
  const { tenant } = running
  if (options.patch !== undefined) tenant.tenant.patch(options.patch)
  const created = await running.call('POST', 'profiles', running.profile(options.profile))
  expect(created.status, created.text).toBe(201)
  await running.agent.idle()
  const guide = async (): Promise<SetupGuide> => {
    const { status, body, text } = await running.call('GET', 'profiles/default/setup')
    expect(status, text).toBe(200)
    return body
  }
  return {
    running,
    tenant,
    guide,
    async states() {
      const { steps } = await guide()
      return Object.fromEntries(steps.map(({ id, state }) => [id, state]))
    },
    async step(id) {
      const found = (await guide()).steps.find((step) => step.id === id)
      if (found === undefined) throw new Error(`the guide has no step ${id}`)
      return found
    },
    async verify(sendTo) {
      const { status, text } = await running.call('POST', 'profiles/default/verify', { sendTo })
      expect(status, text).toBe(200)
      await running.agent.idle()
    },
    pass(ms) {
      offsetMs += ms
      tenant.tenant.patch({ clockOffsetMs: offsetMs })
    },
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  }
}

const text = (step: SetupStep) => step.commands.map((command) => command.text).join('\n')

describe('the setup guide', () => {
  it('shows every step as done, with its evidence, when a message was delivered', async () => {
    await using bench = await startBench()
    await bench.verify('it@contoso.com')
    const { steps, path, script } = await bench.guide()
    expect(path).toBe('classic')
    expect(steps.map(({ id, state }) => `${id} ${state}`)).toEqual([
      'app-registration done',
      'client-secret done',
      'api-permissions done',
      'admin-consent done',
      'enterprise-application done',
      'service-principal done',
      'mailbox-permission done',
      'smtp-auth done',
      'email-settings done',
      'verification done',
      'test-email done',
    ])
    for (const step of steps) {
      expect(step.evidence, step.id).toMatch(/\S.*\.$/)
      expect(step.instructions.length, step.id).toBeGreaterThan(0)
      expect(step.diagnosis, step.id).toBeNull()
    }
    expect(script).toBe('/api/v1/profiles/default/setup/script?variant=exchange')
    const settings = steps.find(({ id }) => id === 'email-settings')
    expect(settings?.instructions.join(' ')).toContain('It need not match a display name')
  })

  it('leaves the mailbox permission open until a message has proven it', async () => {
    await using bench = await startBench()
    expect(await bench.states()).toMatchObject({
      'service-principal': 'done',
      'mailbox-permission': 'unknown',
      verification: 'done',
      'test-email': 'todo',
    })
    expect((await bench.step('mailbox-permission')).evidence).toContain('Send a test email')
  })

  it('takes the Object ID from the token and prints it into the commands', async () => {
    await using bench = await startBench()
    const { servicePrincipalObjectId } = idsOf(bench.tenant)
    expect((await bench.step('enterprise-application')).evidence).toContain(
      servicePrincipalObjectId,
    )
    expect(text(await bench.step('service-principal'))).toContain(
      `New-ServicePrincipal -AppId '${bench.tenant.clientId}' -ObjectId '${servicePrincipalObjectId}'`,
    )
    const { text: script, headers } = await bench.running.call(
      'GET',
      'profiles/default/setup/script',
    )
    expect(script).toContain(`$ObjectId = '${servicePrincipalObjectId}',`)
    expect(() => readPowerShell(script)).not.toThrow()
    expect(headers.get('content-type')).toBe('text/plain; charset=utf-8')
    expect(headers.get('content-disposition')).toBe(
      'attachment; filename="postern-setup-default.ps1"',
    )
  })

  it('shows what is still to do when nothing was set up in Microsoft 365', async () => {
    await using bench = await startBench({ patch: { apps: null } })
    expect(await bench.states()).toEqual({
      'app-registration': 'failed',
      'client-secret': 'unknown',
      'api-permissions': 'unknown',
      'admin-consent': 'unknown',
      'enterprise-application': 'unknown',
      'service-principal': 'unknown',
      'mailbox-permission': 'unknown',
      'smtp-auth': 'unknown',
      'email-settings': 'done',
      verification: 'failed',
      'test-email': 'todo',
    })
    const step = await bench.step('app-registration')
    expect(step.diagnosis?.code).toBe('application_not_found')
    expect(text(await bench.step('service-principal'))).toContain(
      "-ObjectId '<Object ID of the enterprise application>'",
    )
  })

  it('waits for Microsoft with a wrong Object ID, and calls it failed after two hours', async () => {
    const { clientId } = INITIAL
    await using bench = await startBench({
      patch: { exchange: { servicePrincipals: { [clientId]: { objectId: WRONG_OBJECT_ID } } } },
    })
    const waiting = await bench.step('service-principal')
    expect(waiting).toMatchObject({
      state: 'todo',
      diagnosis: { code: 'service_principal_not_accepted', retry: 'propagation' },
    })
    expect(waiting.evidence).toContain('waiting for Microsoft, usually done by')
    expect(waiting.diagnosis?.waitingUntil).toMatch(/Z$/)
    const { body } = await bench.running.call('GET', 'status')
    expect(body.profiles[0].health).toBe('warning')

    bench.pass(3 * HOUR_MS)
    await bench.verify()
    const { servicePrincipalObjectId } = idsOf(bench.tenant)
    const failed = await bench.step('service-principal')
    expect(failed).toMatchObject({ state: 'failed', diagnosis: { waitingUntil: null } })
    expect(text(failed)).toContain(servicePrincipalObjectId)
    expect(text(failed)).not.toContain(WRONG_OBJECT_ID)
    expect(await bench.states()).toMatchObject({
      'admin-consent': 'done',
      'enterprise-application': 'done',
      'mailbox-permission': 'unknown',
      verification: 'failed',
    })
  })

  it('says that a removed service principal is a change on Microsoft’s side', async () => {
    await using bench = await startBench()
    bench.tenant.tenant.patch({ exchange: { servicePrincipals: { [INITIAL.clientId]: null } } })
    await bench.verify()
    const { state, diagnosis } = await bench.step('service-principal')
    expect(state).toBe('failed')
    expect(diagnosis?.cause).toMatch(/It worked until .* UTC, .*not a typing error/)
    expect(diagnosis?.likelyCauses[0]).toContain('was removed')
  })

  it('points at the admin consent when the token has no role', async () => {
    await using bench = await startBench({
      patch: { apps: { [INITIAL.clientId]: { exchangeRoles: [] } } },
    })
    bench.pass(HOUR_MS)
    await bench.verify()
    expect(await bench.states()).toMatchObject({
      'app-registration': 'done',
      'client-secret': 'done',
      'api-permissions': 'unknown',
      'admin-consent': 'failed',
      'enterprise-application': 'done',
      'service-principal': 'unknown',
    })
    const { links } = await bench.step('admin-consent')
    expect(links.join(' ')).toContain(`/adminconsent?client_id=${INITIAL.clientId}`)
  })

  it('shows a missing FullAccess once a message was tried', async () => {
    await using bench = await startBench({
      patch: { mailboxes: { 'alerts@contoso.com': { fullAccess: null } } },
    })
    expect((await bench.step('mailbox-permission')).state).toBe('unknown')
    bench.pass(3 * HOUR_MS)
    await bench.verify('it@contoso.com')
    // A later run without a message does not cover it up.
    await bench.verify()
    expect(await bench.states()).toMatchObject({
      'service-principal': 'done',
      'mailbox-permission': 'failed',
      'smtp-auth': 'done',
      verification: 'done',
      'test-email': 'failed',
    })
    const { diagnosis, commands } = await bench.step('mailbox-permission')
    expect(diagnosis?.code).toBe('mailbox_permission_missing')
    expect(commands.map((command) => command.text).join('\n')).toContain(
      "Add-MailboxPermission -Identity 'alerts@contoso.com'",
    )
  })

  it('knows that service account and mailbox are fine when only SMTP AUTH is off', async () => {
    await using bench = await startBench({ patch: { tenant: { smtpAuthDisabled: true } } })
    bench.pass(2 * HOUR_MS)
    await bench.verify()
    expect(await bench.states()).toMatchObject({
      'service-principal': 'done',
      'smtp-auth': 'failed',
    })
  })

  it('trusts no evidence of earlier settings but the Object ID of the same application', async () => {
    await using bench = await startBench()
    await bench.verify('it@contoso.com')
    const { body } = await bench.running.call('GET', 'profiles/default')
    bench.tenant.tenant.patch({ entra: { fault: 'refuse' } })
    const changed = await bench.running.call(
      'PUT',
      'profiles/default',
      bench.running.profile({ senderDisplayName: 'Other' }),
      { 'if-match': `"${body.version}"` },
    )
    expect(changed.status, changed.text).toBe(200)
    bench.tenant.tenant.patch({ entra: { fault: 'none' } })
    expect(await bench.states()).toMatchObject({
      'client-secret': 'unknown',
      'enterprise-application': 'done',
      'mailbox-permission': 'unknown',
      'test-email': 'todo',
      verification: 'todo',
    })
  })

  it('has the short list and no script for a profile without Exchange Online', async () => {
    await using bench = await startBench({
      profile: { authentication: { type: 'none' } },
    })
    const { path, steps, script } = await bench.guide()
    expect(path).toBe('none')
    expect(steps.map(({ id }) => id)).toEqual(['email-settings', 'verification', 'test-email'])
    expect(script).toBeNull()
    const answer = await bench.running.call('GET', 'profiles/default/setup/script')
    expect(answer.status).toBe(409)
    expect(answer.body.code).toBe('setup_script_unavailable')
  })

  it('goes the way of application RBAC when the settings say so', async () => {
    const { clientId } = INITIAL
    await using bench = await startBench({
      patch: {
        apps: { [clientId]: { exchangeRoles: [] } },
        exchange: { rbac: { [clientId]: { members: ['alerts@contoso.com'] } } },
      },
    })
    const { body } = await bench.running.call('GET', 'profiles/default')
    const profile = bench.running.profile()
    const authentication = { ...Object(profile['authentication']), applicationRbac: true }
    await bench.running.call(
      'PUT',
      'profiles/default',
      { ...profile, authentication },
      { 'if-match': `"${body.version}"` },
    )
    await bench.running.agent.idle()
    const { path, steps, script } = await bench.guide()
    expect(path).toBe('applicationRbac')
    expect(steps.map(({ id }) => id)).not.toContain('admin-consent')
    expect(steps.find(({ id }) => id === 'application-role')?.state).toBe('done')
    expect(script).toContain('variant=exchangeRbac')
  })

  it('answers 404 for a profile that does not exist', async () => {
    await using bench = await startBench()
    expect((await bench.running.call('GET', 'profiles/other/setup')).status).toBe(404)
    expect((await bench.running.call('GET', 'profiles/other/setup/script')).status).toBe(404)
    const wrong = await bench.running.call('GET', 'profiles/default/setup/script?variant=x')
    expect(wrong.status).toBe(400)
  })
})

const INITIAL = { clientId: 'd2f6b8a1-43c7-4e95-8b1d-0e7a6f9c2354' }

function idsOf(tenant: SandboxTenant): { servicePrincipalObjectId: string } {
  const app = tenant.tenant.state().apps[tenant.clientId]
  const servicePrincipalObjectId = app?.servicePrincipal?.objectId
  if (servicePrincipalObjectId === undefined) throw new Error('the tenant has its application')
  return { servicePrincipalObjectId }
}
